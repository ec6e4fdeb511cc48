"""The circuit: its capacity classes, its sources on disk, and the inputs it takes for a specification and witness."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ledger.proofs.babyjubjub import BASE
from ledger.proofs.field import encode_digest, encode_uuid
from ledger.proofs.registry import REGISTRY_DEPTH
from ledger.proofs.specification import STEPS, TEMPERATURE_OFFSET, TESTS, SegmentSpec
from ledger.proofs.statement import (
    READINGS_A_BLOCK,
    SegmentWitness,
    encode_readings,
    padded,
    placed,
    public_inputs_of,
    segment_begin,
    time_outside,
)

CIRCUITS = Path(__file__).parent / "circuits"
CircuitInputs = dict[str, int | list[int]]
_NOBODY = 1
"""Stands for the people of a step that nobody did; any number would do."""


class TooManyReadings(ValueError):
    """More readings than the capacity class holds."""


@dataclass(frozen=True, slots=True)
class CapacityClass:
    """One size of the circuit. Every class proves the same statement and yields the same public inputs."""

    blocks: int

    @property
    def readings(self) -> int:
        """How many readings fit."""
        return self.blocks * READINGS_A_BLOCK

    @property
    def name(self) -> str:
        """The circuit's name on the ledger; a change of the statement changes its version."""
        return f"segment-{self.readings}/v2"

    def main(self) -> str:
        """The circom source of the main component."""
        public = "therapy, specHash, readingsRoot, stepsRoot, releaseRoot, deviceRegistry"
        return (
            "pragma circom 2.1.6;\n"
            'include "segment.circom";\n'
            f"component main {{public [{public}]}} = Segment({self.blocks}, {STEPS}, {TESTS}, {REGISTRY_DEPTH});\n"
        )

    def digest(self) -> str:
        """SHA-256 (hex) over the main component, our templates and the version of groth16py (so of circomlib)."""
        seal = hashlib.sha256(f"needlepoint/circuit/v2\ngroth16py {version('groth16py')}\n".encode())
        for name, source in [("main", self.main().encode()), *((p.name, p.read_bytes()) for p in _sources())]:
            seal.update(f"{name} {len(source)}\n".encode() + source)
        return seal.hexdigest()


SMALL = CapacityClass(1)
"""75 readings: for tests."""
STANDARD = CapacityClass(8)
"""600 readings: the default."""
LONG = CapacityClass(26)
"""1,950 readings."""
CLASSES = (SMALL, STANDARD, LONG, CapacityClass(63), CapacityClass(135), CapacityClass(281))


def capacity_class(readings: int) -> CapacityClass:
    """The class to prove with: STANDARD, or the smallest larger one that holds the readings.

    Raises TooManyReadings past 21,075.
    """
    for size in CLASSES[1:]:
        if readings <= size.readings:
            return size
    raise TooManyReadings(f"{readings} readings, {CLASSES[-1].readings} fit the largest circuit")


def circuit_inputs(spec: SegmentSpec, witness: SegmentWitness, size: CapacityClass) -> CircuitInputs:
    """The named inputs of the circuit. Judges nothing: a witness that breaks the rules has no valid proof.

    Raises TooManyReadings, and ValueError for what cannot be encoded at all.
    """
    public = public_inputs_of(spec, witness)
    return {
        "therapy": public.therapy,
        "specHash": public.spec_hash,
        "readingsRoot": public.readings_root,
        "stepsRoot": public.steps_root,
        "releaseRoot": public.release_root,
        "deviceRegistry": public.device_registry,
        "spec": list(spec.vector()),
        **_readings(spec, witness, size),
        **_device(spec, witness),
        **_steps(spec, witness),
        **_tests(witness),
    }


def _readings(spec: SegmentSpec, witness: SegmentWitness, size: CapacityClass) -> CircuitInputs:
    names = ("gap", "temperature", "tilt", "shock")
    if spec.readings is None or witness.readings is None:
        single = ("readingsSalt", "readingsStart", "readingsCount", "tooWarm", "head", "tail", "outsideHalves")
        arrays: CircuitInputs = {name: [0] * size.readings for name in names}
        return {**dict.fromkeys(single, 0), **arrays, "blockActive": [0] * size.blocks}
    leg, limits = witness.readings, spec.readings
    if len(leg.readings) > size.readings:
        raise TooManyReadings(f"{len(leg.readings)} readings, {size.readings} fit the circuit {size.name}")
    rows = padded(encode_readings(leg.readings))
    blocks = len(rows) // READINGS_A_BLOCK
    spare = (0, limits.temperature_lo + TEMPERATURE_OFFSET, 0, 0)
    columns = zip(*rows, *[spare] * (size.readings - len(rows)), strict=True)
    steps = placed(spec, witness)
    shipped, received = steps[limits.ship_step], steps[limits.receive_step]
    if shipped is None or received is None:
        raise ValueError("there is no log of a leg that was not shipped and received")
    outside = time_outside(limits, leg.readings, shipped_at=shipped.end, received_at=received.end)
    return {
        "readingsSalt": leg.salt,
        "readingsStart": leg.readings[0].at,
        "readingsCount": len(leg.readings),
        **{name: list(column) for name, column in zip(names, columns, strict=True)},
        "blockActive": [1] * blocks + [0] * (size.blocks - blocks),
        "tooWarm": int(outside.warm),
        "head": outside.head,
        "tail": outside.tail,
        "outsideHalves": outside.halves,
    }


def _device(spec: SegmentSpec, witness: SegmentWitness) -> CircuitInputs:
    names = ("deviceX", "deviceY", "signatureX", "signatureY", "signatureS")
    if spec.readings is None or witness.readings is None:
        # The curve checks are never switched off, so the places hold a point of the curve.
        nowhere = [0] * REGISTRY_DEPTH
        values = (*BASE, *BASE, 0)
        return {**dict(zip(names, values, strict=True)), "registrySibling": nowhere, "registrySide": list(nowhere)}
    leg = witness.readings
    values = (leg.device.x, leg.device.y, *leg.signature.r8, leg.signature.s)
    path = {"registrySibling": list(leg.registry.siblings), "registrySide": list(leg.registry.sides)}
    return {**dict(zip(names, values, strict=True)), **path}


def _steps(spec: SegmentSpec, witness: SegmentWitness) -> CircuitInputs:
    begin = segment_begin(witness)
    ended: list[int] = []
    places: list[tuple[int, ...]] = []
    for limits, step in zip(spec.steps, placed(spec, witness), strict=True):
        if step is None:
            # Time stands still in a step that was left out: it ends when it could have begun.
            ready = max((ended[index] for index in limits.after), default=begin)
            places.append((0, 0, ready, ready, 0, _NOBODY, 0))
        else:
            verifier = encode_uuid(step.verifier) if step.verifier is not None else 0
            people = (encode_uuid(step.performer), verifier)
            places.append((1, step.salt, step.start, step.end, encode_digest(step.document), *people))
        ended.append(places[-1][3])
    places += [(0, 0, begin, begin, 0, _NOBODY, 0)] * (STEPS - len(places))
    names = ("Active", "Salt", "Start", "End", "Document", "Performer", "Verifier")
    columns = zip(*places, strict=True)
    return {"begin": begin, **{f"step{name}": list(column) for name, column in zip(names, columns, strict=True)}}


def _tests(witness: SegmentWitness) -> CircuitInputs:
    spare = TESTS - len(witness.tests)
    return {
        "testActive": [1] * len(witness.tests) + [0] * spare,
        "testSalt": [t.salt for t in witness.tests] + [0] * spare,
        "testValue": [t.value for t in witness.tests] + [0] * spare,
    }


def _sources() -> list[Path]:
    return sorted(CIRCUITS.glob("*.circom"))
