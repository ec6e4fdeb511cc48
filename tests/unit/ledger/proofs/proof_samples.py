"""A compliant segment with and without readings, the same at every call, and ways to spoil it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from ledger.proofs.babyjubjub import PrivateKey, private_key
from ledger.proofs.registry import registry_path
from ledger.proofs.specification import ReadingsSpec, SegmentSpec, SpanSpec, StepSpec, TestSpec
from ledger.proofs.statement import (
    Reading,
    ReadingsWitness,
    SegmentWitness,
    StepWitness,
    TestWitness,
    readings_root,
)

THERAPY = UUID("0192f0c1-7a3e-7c55-9d1f-3b6a5e2c8d47")
NOON = 1_795_262_400  # 21 November 2026, 12:00 UTC

TRANSIT = SegmentSpec(
    steps=(
        StepSpec("collection", max_duration=4 * 3600, two_people=True),
        StepSpec("pack", max_duration=3600, max_wait=2 * 3600, after=(0,)),
        StepSpec("pickup", max_duration=900, max_wait=3600, after=(1,)),
        StepSpec("receipt", max_duration=1800, max_wait=60 * 3600, after=(2,)),
        StepSpec("acceptance", max_duration=3600, max_wait=7200, after=(3,), two_people=True),
        StepSpec("paperwork", max_duration=3600, max_wait=3600, after=(1,)),
        StepSpec("recount", max_duration=600, max_wait=3600, after=(4,), optional=True, two_people=True),
        StepSpec("closing", max_duration=600, max_wait=7200, after=(5, 6)),
    ),
    tests=(
        TestSpec("viability", 8000, 10000, unit="%", decimals=2),
        TestSpec("sterility", 0, 0),
        TestSpec("cell-count", 2_000_000_000, 150_000_000_000, unit="cells"),
    ),
    readings=ReadingsSpec(
        temperature_lo=200,
        temperature_hi=800,
        hard_lo=0,
        hard_hi=1400,
        budget=900,
        tilt_hi=60,
        shock_hi=25,
        max_gap=600,
        ship_step=2,
        receive_step=3,
    ),
    span=SpanSpec(0, 7, 72 * 3600),
)
COLLECTION = SegmentSpec(
    steps=(
        StepSpec("order"),
        StepSpec("payer-approval", max_wait=14 * 86400, after=(0,)),
        StepSpec("booking", after=(1,)),
    )
)

DEVICE = private_key(hashlib.sha256(b"logger 1").digest())
OTHER_DEVICE = private_key(hashlib.sha256(b"logger 2").digest())
STRANGER = private_key(hashlib.sha256(b"logger of nobody").digest())
REGISTRY = (OTHER_DEVICE.public, None, DEVICE.public)


def salt(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"salt {name}".encode()).digest()[:31], "big")


NURSE, PHYSICIAN, OPERATOR = (UUID(int=0xC0FFEE << 100 | number) for number in (1, 2, 3))
PAIRED = frozenset({"collection", "acceptance", "recount"})


def step(code: str, start: int, end: int) -> StepWitness:
    verifier = PHYSICIAN if code in PAIRED else None
    return StepWitness(code, start, end, hashlib.sha256(code.encode()).digest(), salt(code), NURSE, verifier)


def log(count: int, *, start: int = NOON + 6000) -> tuple[Reading, ...]:
    return tuple(Reading(start + 300 * i, 200 + 37 * i % 601, 5 * i % 61, 7 * i % 26) for i in range(count))


def signed_leg(readings: Sequence[Reading], *, device: PrivateKey = DEVICE, therapy: UUID = THERAPY) -> ReadingsWitness:
    """The readings committed to and signed by `device`: what an honest logger or a dishonest owner of it can do."""
    root = readings_root(therapy, readings, salt=salt("readings"), device=device.public)
    path = registry_path((*REGISTRY, STRANGER.public) if device is STRANGER else REGISTRY, device.public)
    return ReadingsWitness(tuple(readings), salt("readings"), device.public, device.sign(root), path)


def transit(count: int = 70) -> SegmentWitness:
    """Collection at noon, pickup at 13:40, a reading each five minutes until receipt, all in limits.

    The paperwork is done while the cells are on the road; nobody counts them again.
    """
    readings = log(count)
    arrived = readings[-1].at
    return SegmentWitness(
        therapy=THERAPY,
        steps=(
            step("collection", NOON, NOON + 3600),
            step("pack", NOON + 4000, NOON + 5000),
            step("pickup", NOON + 6000, NOON + 6300),
            step("receipt", arrived - 600, arrived),
            step("acceptance", arrived + 1000, arrived + 2000),
            step("paperwork", NOON + 6000, NOON + 7000),
            step("closing", arrived + 3000, arrived + 3600),
        ),
        tests=(
            TestWitness("viability", 9150, salt("viability")),
            TestWitness("sterility", 0, salt("sterility")),
            TestWitness("cell-count", 30_000_000_000, salt("cell-count")),
        ),
        readings=signed_leg(readings),
    )


def collection() -> SegmentWitness:
    """Three steps, no tests, no readings."""
    steps = (
        step("order", NOON, NOON),
        step("payer-approval", NOON + 50, NOON + 99),
        step("booking", NOON + 99, NOON + 99),
    )
    return SegmentWitness(THERAPY, steps)


def with_reading(witness: SegmentWitness, index: int, reading: Reading) -> SegmentWitness:
    """One reading replaced, the log committed to and signed again."""
    assert witness.readings is not None
    readings = list(witness.readings.readings)
    readings[index] = reading
    return replace(witness, readings=signed_leg(readings))


def with_step(witness: SegmentWitness, index: int, **changes: object) -> SegmentWitness:
    steps = list(witness.steps)
    steps[index] = replace(steps[index], **changes)  # type: ignore[arg-type]
    return replace(witness, steps=tuple(steps))


def recounted(witness: SegmentWitness, start: int, end: int) -> SegmentWitness:
    """The same with the optional step done."""
    steps = witness.steps
    return replace(witness, steps=(*steps[:6], step("recount", start, end), *steps[6:]))


def with_test(witness: SegmentWitness, index: int, value: int) -> SegmentWitness:
    tests = list(witness.tests)
    tests[index] = replace(tests[index], value=value)
    return replace(witness, tests=tuple(tests))
