"""The statement of a compliance proof: what happened (the witness), its commitments, and the six public inputs.

Everything public can be computed by anyone from ledger records: a step record carries its leaf, a release test
record its leaf, the commitment of a leg its readings root, the registration records the devices' keys, and the
approved protocol the specification. Salts and values stay sealed with whoever proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from uuid import UUID

from ledger.proofs.babyjubjub import PublicKey, Signature
from ledger.proofs.field import check_element, encode_code, encode_digest, encode_uuid, format_element
from ledger.proofs.poseidon import hash_many, poseidon
from ledger.proofs.registry import RegistryPath
from ledger.proofs.specification import STEPS, TEMPERATURE_OFFSET, TESTS, SegmentSpec

READINGS_A_BLOCK = 75
_SPEC, _STEPS, _RELEASE = 1, 2, 3
_READINGS_TAG, _READINGS_SEAL, _STEP_TAG, _TEST_TAG = 1000, 1001, 2000, 3000
_WORD_BITS = 48


class NotEncodable(ValueError):
    """The readings cannot be committed to: a value lies outside what a logger can mean. They prove nothing."""


@dataclass(frozen=True, slots=True)
class StepWitness:
    """A performed step: whole seconds since the epoch, the SHA-256 of its record's document, and its salt."""

    code: str
    start: int
    end: int
    document: bytes
    salt: int


@dataclass(frozen=True, slots=True)
class TestWitness:
    """A release test's result in the integer unit of the protocol, and its salt."""

    __test__: ClassVar[bool] = False

    code: str
    value: int
    salt: int


class Reading(NamedTuple):
    """One logger reading: second since the epoch, centi-degrees Celsius, whole degrees of tilt."""

    at: int
    temperature: int
    tilt: int


@dataclass(frozen=True, slots=True)
class ReadingsWitness:
    """The readings of one leg, the device's signature on their root, and the device's place in the registry."""

    readings: tuple[Reading, ...]
    salt: int
    device: PublicKey
    signature: Signature
    registry: RegistryPath


@dataclass(frozen=True, slots=True)
class SegmentWitness:
    """All that a prover knows of a segment."""

    therapy: UUID
    steps: tuple[StepWitness, ...]
    tests: tuple[TestWitness, ...] = ()
    readings: ReadingsWitness | None = None


class PublicInputs(NamedTuple):
    """In the order of the circuit. Readings root and device registry are 0 where no readings are required."""

    therapy: int
    spec_hash: int
    readings_root: int
    steps_root: int
    release_root: int
    device_registry: int

    def to_json(self) -> list[str]:
        """Decimal strings, as snarkjs and our ledger records write them."""
        return [format_element(value) for value in self]


def step_leaf(therapy: UUID, step: StepWitness) -> int:
    """What a step's record carries: Poseidon(2000, salt, therapy, code, start, end, document)."""
    code, document = encode_code(step.code), encode_digest(step.document)
    return poseidon([_STEP_TAG, step.salt, encode_uuid(therapy), code, step.start, step.end, document])


def test_leaf(therapy: UUID, test: TestWitness) -> int:
    """What a release test's record carries: Poseidon(3000, salt, therapy, code, value)."""
    return poseidon([_TEST_TAG, test.salt, encode_uuid(therapy), encode_code(test.code), test.value])


test_leaf.__test__ = False  # type: ignore[attr-defined]


def steps_root(leaves: Sequence[int]) -> int:
    """Over the leaves of a segment's steps in protocol order, their number bound in."""
    return _leaves_root(leaves, STEPS, _STEPS, "steps")


def release_root(leaves: Sequence[int]) -> int:
    """Over the leaves of a segment's release tests in protocol order, their number bound in; none is fine."""
    return _leaves_root(leaves, TESTS, _RELEASE, "release tests")


def spec_hash(spec: SegmentSpec) -> int:
    """The hash of the specification's vector."""
    return hash_many(spec.vector(), domain=_SPEC)


def readings_root(therapy: UUID, readings: Sequence[Reading], *, salt: int, device: PublicKey) -> int:
    """The commitment to a leg's readings which the device signs. It does not depend on the capacity class.

    Raises NotEncodable for no readings, readings out of order, a silence past 65,535 s, or a value outside
    -300.00 to 355.35 °C or 0 to 65,535 degrees.
    """
    if not readings:
        raise NotEncodable("there are no readings")
    state = poseidon([_READINGS_TAG, salt, encode_uuid(therapy), readings_start(readings), device.x])
    words = [_word(*row) for row in encode_readings(readings)]
    for i in range(0, len(words), READINGS_A_BLOCK):
        block = words[i : i + READINGS_A_BLOCK]
        block += [0] * (READINGS_A_BLOCK - len(block))
        packed = [sum(word << (_WORD_BITS * k) for k, word in enumerate(block[j : j + 5])) for j in range(0, 75, 5)]
        state = poseidon([state, *packed])
    return poseidon([_READINGS_SEAL, state, len(words)])


def readings_start(readings: Sequence[Reading]) -> int:
    """The second before the first reading: gaps are counted from here, so that the first gap is 1 s."""
    return readings[0].at - 1


def encode_readings(readings: Sequence[Reading]) -> list[tuple[int, int, int]]:
    """(gap, temperature + 30000, tilt) a reading, as the circuit takes them. Raises NotEncodable."""
    before, rows = readings_start(readings), []
    for reading in readings:
        row = (reading.at - before, reading.temperature + TEMPERATURE_OFFSET, reading.tilt)
        if not all(type(value) is int and 0 <= value < 2**16 for value in row):
            raise NotEncodable(f"the reading at second {reading.at} is out of order or outside the logger's range")
        rows.append(row)
        before = reading.at
    return rows


def public_inputs(
    spec: SegmentSpec,
    *,
    therapy: UUID,
    step_leaves: Sequence[int],
    test_leaves: Sequence[int] = (),
    readings_root: int | None = None,
    device_registry: int | None = None,
) -> PublicInputs:
    """The public inputs that the ledger says, from records alone. Compare a proof's with these.

    Raises ValueError when the number of leaves is not the specification's, or readings are missing or unasked.
    """
    if len(step_leaves) != len(spec.steps) or len(test_leaves) != len(spec.tests):
        raise ValueError(
            f"{len(step_leaves)} steps and {len(test_leaves)} tests on record, "
            f"{len(spec.steps)} and {len(spec.tests)} in the specification"
        )
    if (spec.readings is not None) != (readings_root is not None and device_registry is not None):
        raise ValueError("readings root and device registry belong to a segment with readings, and to no other")
    return PublicInputs(
        encode_uuid(therapy),
        spec_hash(spec),
        check_element(readings_root or 0, name="readings root"),
        steps_root(step_leaves),
        release_root(test_leaves),
        check_element(device_registry or 0, name="device registry"),
    )


def public_inputs_of(spec: SegmentSpec, witness: SegmentWitness) -> PublicInputs:
    """The public inputs that a witness leads to; equal to `public_inputs` over the records if it is the true one."""
    leg = witness.readings if spec.readings is not None else None
    root = readings_root(witness.therapy, leg.readings, salt=leg.salt, device=leg.device) if leg else None
    return public_inputs(
        spec,
        therapy=witness.therapy,
        step_leaves=[step_leaf(witness.therapy, step) for step in witness.steps],
        test_leaves=[test_leaf(witness.therapy, test) for test in witness.tests],
        readings_root=root,
        device_registry=leg.registry.root if leg else None,
    )


def _word(gap: int, temperature: int, tilt: int) -> int:
    return gap + (temperature << 16) + (tilt << 32)


def _leaves_root(leaves: Sequence[int], places: int, domain: int, what: str) -> int:
    if len(leaves) > places:
        raise ValueError(f"{len(leaves)} {what}, {places} fit a segment")
    return hash_many([len(leaves), *leaves, *[0] * (places - len(leaves))], domain=domain)
