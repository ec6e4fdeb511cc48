"""The statement of a compliance proof: what happened (the witness), its commitments, and the six public inputs.

Everything public can be computed by anyone from ledger records: a step record carries its leaf, a release test
record its leaf, the commitment of a leg its readings root, the registration records the devices' keys, and the
approved protocol the specification. Salts and values stay sealed with whoever proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple
from uuid import UUID

from ledger.proofs.babyjubjub import PublicKey, Signature
from ledger.proofs.field import check_element, encode_code, encode_digest, encode_uuid, format_element
from ledger.proofs.poseidon import hash_many, poseidon
from ledger.proofs.registry import RegistryPath
from ledger.proofs.specification import STEPS, TEMPERATURE_OFFSET, TESTS, ReadingsSpec, SegmentSpec

READINGS_A_BLOCK = 75
_SPEC, _STEPS, _RELEASE = 1, 2, 3
_READINGS_TAG, _READINGS_SEAL, _STEP_TAG, _TEST_TAG = 1100, 1101, 2100, 3100
_WORD_BITS = 48
_BITS = (16, 16, 8, 8)


class NotEncodable(ValueError):
    """The readings cannot be committed to: a value lies outside what a logger can mean. They prove nothing."""


@dataclass(frozen=True, slots=True)
class StepWitness:
    """A performed step: whole seconds since the epoch, the SHA-256 of its record's document, its salt, and the
    pseudonyms of who performed and (where somebody did) who verified it."""

    code: str
    start: int
    end: int
    document: bytes
    salt: int
    performer: UUID
    verifier: UUID | None = None


@dataclass(frozen=True, slots=True)
class TestWitness:
    """A release test's result in the integer unit of the protocol, and its salt."""

    __test__: ClassVar[bool] = False

    code: str
    value: int
    salt: int


class Reading(NamedTuple):
    """One logger reading: second since the epoch, centi-degrees Celsius, whole degrees of tilt, whole g of shock (the
    largest since the reading before)."""

    at: int
    temperature: int
    tilt: int
    shock: int = 0


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
    """All that a prover knows of a segment: the steps that were done, in the order of the specification."""

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
    """What a step's record carries: Poseidon(2100, salt, therapy, code, start, end, document, performer, verifier)."""
    people = (encode_uuid(step.performer), encode_uuid(step.verifier) if step.verifier is not None else 0)
    code, document = encode_code(step.code), encode_digest(step.document)
    return poseidon([_STEP_TAG, step.salt, encode_uuid(therapy), code, step.start, step.end, document, *people])


def test_leaf(therapy: UUID, test: TestWitness) -> int:
    """What a release test's record carries: Poseidon(3100, salt, therapy, code, value)."""
    return poseidon([_TEST_TAG, test.salt, encode_uuid(therapy), encode_code(test.code), test.value])


test_leaf.__test__ = False  # type: ignore[attr-defined]


def steps_root(leaves: Sequence[int | None]) -> int:
    """Over the leaves of a segment's steps in the specification's order; None is an optional step that was left out."""
    places = [leaf or 0 for leaf in leaves]
    if len(places) > STEPS:
        raise ValueError(f"{len(places)} steps, {STEPS} fit a segment")
    return hash_many([*places, *[0] * (STEPS - len(places))], domain=_STEPS)


def release_root(leaves: Sequence[int]) -> int:
    """Over the leaves of a segment's release tests in protocol order, their number bound in; none is fine."""
    if len(leaves) > TESTS:
        raise ValueError(f"{len(leaves)} release tests, {TESTS} fit a segment")
    return hash_many([len(leaves), *leaves, *[0] * (TESTS - len(leaves))], domain=_RELEASE)


def spec_hash(spec: SegmentSpec) -> int:
    """The hash of the specification's vector."""
    return hash_many(spec.vector(), domain=_SPEC)


def readings_root(therapy: UUID, readings: Sequence[Reading], *, salt: int, device: PublicKey) -> int:
    """The commitment to a leg's readings which the device signs. It does not depend on the capacity class.

    Raises NotEncodable for no readings, readings out of order, a silence past 65,535 s, or a value outside
    -300.00 to 355.35 °C, 0 to 255 degrees, or 0 to 255 g.
    """
    if not readings:
        raise NotEncodable("there are no readings")
    state = poseidon([_READINGS_TAG, salt, encode_uuid(therapy), readings[0].at, device.x])
    words = [_word(*row) for row in padded(encode_readings(readings))]
    for i in range(0, len(words), READINGS_A_BLOCK):
        block = words[i : i + READINGS_A_BLOCK]
        packed = [sum(word << (_WORD_BITS * k) for k, word in enumerate(block[j : j + 5])) for j in range(0, 75, 5)]
        state = poseidon([state, *packed])
    return poseidon([_READINGS_SEAL, state, len(readings)])


Row = tuple[int, int, int, int]


def encode_readings(readings: Sequence[Reading]) -> list[Row]:
    """(gap, temperature + 30000, tilt, shock) a reading, as the circuit takes them. Raises NotEncodable."""
    before, rows = readings[0].at, []
    for reading in readings:
        row = (reading.at - before, reading.temperature + TEMPERATURE_OFFSET, reading.tilt, reading.shock)
        if not all(type(value) is int and 0 <= value < 2**bits for value, bits in zip(row, _BITS, strict=True)):
            raise NotEncodable(f"the reading at second {reading.at} is out of order or outside the logger's range")
        rows.append(row)
        before = reading.at
    return rows


def padded(rows: Sequence[Row]) -> list[Row]:
    """Whole blocks: the last reading again and again, no time after itself."""
    spare = -len(rows) % READINGS_A_BLOCK
    return [*rows, *[(0, *rows[-1][1:])] * spare]


def public_inputs(
    spec: SegmentSpec,
    *,
    therapy: UUID,
    step_leaves: Sequence[int | None],
    test_leaves: Sequence[int] = (),
    readings_root: int | None = None,
    device_registry: int | None = None,
) -> PublicInputs:
    """The public inputs that the ledger says, from records alone. Compare a proof's with these.

    A leaf a step, None for an optional one that is not on record. Raises ValueError when the leaves are not those of
    the specification, or readings are missing or unasked.
    """
    if len(step_leaves) != len(spec.steps) or len(test_leaves) != len(spec.tests):
        raise ValueError(
            f"{len(step_leaves)} steps and {len(test_leaves)} tests on record, "
            f"{len(spec.steps)} and {len(spec.tests)} in the specification"
        )
    if any(leaf is None and not step.optional for leaf, step in zip(step_leaves, spec.steps, strict=True)):
        raise ValueError("a step that is not optional is not on record")
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
        step_leaves=[step_leaf(witness.therapy, step) if step else None for step in placed(spec, witness)],
        test_leaves=[test_leaf(witness.therapy, test) for test in witness.tests],
        readings_root=root,
        device_registry=leg.registry.root if leg else None,
    )


def placed(spec: SegmentSpec, witness: SegmentWitness) -> list[StepWitness | None]:
    """The step done at each place of the specification, None where an optional one was left out.

    Raises ValueError when the witness has a step twice or one that the specification does not know.
    """
    done = {step.code: step for step in witness.steps}
    if len(done) != len(witness.steps) or not done.keys() <= {step.code for step in spec.steps}:
        raise ValueError("the steps done are not those of the specification")
    return [done.get(step.code) for step in spec.steps]


def segment_begin(witness: SegmentWitness) -> int:
    """When the segment began: the start of the step that was begun first."""
    return min((step.start for step in witness.steps), default=0)


@dataclass(frozen=True, slots=True)
class TimeOutside:
    """What a leg's readings outside the band answer for, in half seconds; `head` and `tail` are the seconds from
    shipment to the first reading and from the last reading to receipt, for which these answer alone."""

    halves: int
    head: int
    tail: int
    warm: bool
    cold: bool


def time_outside(leg: ReadingsSpec, readings: Sequence[Reading], *, shipped_at: int, received_at: int) -> TimeOutside:
    """The trapezoidal rule over "this reading is outside", in half seconds so that it stays whole."""
    out = [not leg.temperature_lo <= reading.temperature <= leg.temperature_hi for reading in readings]
    head, tail = max(0, readings[0].at - shipped_at), max(0, received_at - readings[-1].at)
    halves = sum(
        (after.at - before.at) * (out[place] + out[place + 1])
        for place, (before, after) in enumerate(pairwise(readings))
    )
    return TimeOutside(
        halves=halves + 2 * head * out[0] + 2 * tail * out[-1],
        head=head,
        tail=tail,
        warm=any(reading.temperature > leg.temperature_hi for reading in readings),
        cold=any(reading.temperature < leg.temperature_lo for reading in readings),
    )


def _word(gap: int, temperature: int, tilt: int, shock: int) -> int:
    return gap + (temperature << 16) + (tilt << 32) + (shock << 40)
