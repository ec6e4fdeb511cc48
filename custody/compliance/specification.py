"""From a protocol's segment to the specification that a circuit checks. Pure: a verifier builds the same.

What the ledger says of the therapy decides only which optional steps belong: those that were done.
"""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal

from custody.protocols.document import Field, Leg, Protocol, Segment, Step
from custody.protocols.results import result_integer
from ledger.proofs.specification import MAX_TEST_VALUE, ReadingsSpec, SegmentSpec, StepSpec, TestSpec

SECONDS = 60


def steps_of(protocol: Protocol, segment: Segment, done: Container[str]) -> list[Step]:
    """The segment's steps that are no tests, in order; optional ones only when they were done."""
    steps = [step for code in segment.steps if (step := protocol.step(code))]
    return [step for step in steps if step.kind != "test" and (not step.optional or step.code in done)]


def tests_of(protocol: Protocol, segment: Segment, done: Container[str]) -> list[Step]:
    """The segment's release tests, in order."""
    steps = [step for code in segment.steps if (step := protocol.step(code))]
    return [step for step in steps if step.kind == "test" and (not step.optional or step.code in done)]


def segment_spec(protocol: Protocol, segment: Segment, done: Container[str]) -> SegmentSpec:
    """What the circuit has to check for this segment. Raises UnprovableSpec when it does not fit."""
    steps = steps_of(protocol, segment, done)
    return SegmentSpec(
        steps=tuple(
            StepSpec(
                code=step.code,
                max_duration=step.duration_max_minutes * SECONDS,
                max_wait=step.wait_max_minutes * SECONDS,
            )
            for step in steps
        ),
        tests=tuple(_test_spec(step) for step in tests_of(protocol, segment, done)),
        readings=_readings_spec(protocol.leg(segment.leg), steps) if segment.leg else None,
    )


def _readings_spec(leg: Leg, steps: list[Step]) -> ReadingsSpec:
    kinds = [step.kind for step in steps]
    shipped = kinds.index("pack") if "pack" in kinds else 0
    received = max((index for index, kind in enumerate(kinds) if kind == "accept"), default=len(kinds) - 1)
    return ReadingsSpec(
        temperature_lo=leg.low_c100,
        temperature_hi=leg.high_c100,
        tilt_hi=leg.tilt_max_degrees,
        max_gap=leg.gap_max_minutes * SECONDS,
        ship_step=shipped,
        receive_step=received,
    )


def _test_spec(step: Step) -> TestSpec:
    field = step.fields[0]
    low, high = _limits(field)
    return TestSpec(
        code=step.code,
        lo=low,
        hi=high,
        unit=field.unit,
        decimals=field.decimals if field.kind == "decimal" else 0,
    )


def _limits(field: Field) -> tuple[int, int]:
    if field.kind == "decimal":
        low = int((field.low or Decimal(0)).scaleb(field.decimals))
        high = int(field.high.scaleb(field.decimals)) if field.high is not None else MAX_TEST_VALUE
        return max(0, low), high
    if field.expected is None:
        return 0, max(1, len(field.choices) - 1)
    expected = result_integer(field, field.expected)
    return expected, expected
