"""The circuit: its capacity classes, its sources on disk, and the inputs it takes for a specification and witness."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ledger.proofs.babyjubjub import BASE
from ledger.proofs.field import encode_digest
from ledger.proofs.registry import REGISTRY_DEPTH
from ledger.proofs.specification import STEPS, TESTS, SegmentSpec
from ledger.proofs.statement import (
    READINGS_A_BLOCK,
    SegmentWitness,
    encode_readings,
    public_inputs_of,
    readings_start,
)

CIRCUITS = Path(__file__).parent / "circuits"
CircuitInputs = dict[str, int | list[int]]


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
        return f"segment-{self.readings}/v1"

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
        seal = hashlib.sha256(f"needlepoint/circuit/v1\ngroth16py {version('groth16py')}\n".encode())
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
    if spec.readings is None or witness.readings is None:
        nothing = [0] * size.readings
        arrays = {name: list(nothing) for name in ("gap", "temperature", "tilt", "active")}
        return {"readingsSalt": 0, "readingsStart": 0, **arrays}
    leg = witness.readings
    rows = encode_readings(leg.readings)
    spare = size.readings - len(rows)
    if spare < 0:
        raise TooManyReadings(f"{len(rows)} readings, {size.readings} fit the circuit {size.name}")
    lowest = spec.vector()[1]
    gap, temperature, tilt = (list(column) for column in zip(*rows, strict=True))
    return {
        "readingsSalt": leg.salt,
        "readingsStart": readings_start(leg.readings),
        "gap": gap + [1] * spare,
        "temperature": temperature + [lowest] * spare,
        "tilt": tilt + [0] * spare,
        "active": [1] * len(rows) + [0] * spare,
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
    steps = witness.steps
    spare = STEPS - len(steps)
    # Places without a step carry the last end on, so that time stands still in them.
    after = [steps[-1].end] * spare
    ship, receive = ([0] * STEPS for _ in range(2))
    if spec.readings is not None:
        ship[spec.readings.ship_step] = receive[spec.readings.receive_step] = 1
    return {
        "stepActive": [1] * len(steps) + [0] * spare,
        "stepSalt": [s.salt for s in steps] + [0] * spare,
        "stepStart": [s.start for s in steps] + after,
        "stepEnd": [s.end for s in steps] + after,
        "stepDocument": [encode_digest(s.document) for s in steps] + [0] * spare,
        "shipAt": ship,
        "receiveAt": receive,
    }


def _tests(witness: SegmentWitness) -> CircuitInputs:
    spare = TESTS - len(witness.tests)
    return {
        "testActive": [1] * len(witness.tests) + [0] * spare,
        "testSalt": [t.salt for t in witness.tests] + [0] * spare,
        "testValue": [t.value for t in witness.tests] + [0] * spare,
    }


def _sources() -> list[Path]:
    return sorted(CIRCUITS.glob("*.circom"))
