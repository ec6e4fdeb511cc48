"""From a protocol's segment to the specification that a circuit checks. Pure: a verifier builds the same.

It follows from the protocol alone. An optional step that was left out has no leaf; the circuit passes over it.
"""

from __future__ import annotations

from decimal import Decimal

from custody.protocols.document import Field, Leg, Protocol, Segment, Step
from custody.protocols.results import result_integer
from custody.protocols.safety import ancestors, just_before
from ledger.proofs.specification import (
    MAX_SHOCK,
    MAX_TEST_VALUE,
    MAX_TILT,
    NO_LIMIT,
    ReadingsSpec,
    SegmentSpec,
    SpanSpec,
    StepSpec,
    TestSpec,
)

MINUTE = 60
DAY = 86_400


def steps_of(protocol: Protocol, segment: Segment) -> list[Step]:
    """The segment's steps that are no tests, in order, those with which it begins first."""
    return [step for code in (*segment.since, *segment.steps) if (step := protocol.step(code)) and step.kind != "test"]


def tests_of(protocol: Protocol, segment: Segment) -> list[Step]:
    """The segment's release tests, in order."""
    return [step for code in segment.steps if (step := protocol.step(code)) and step.kind == "test"]


def segment_spec(protocol: Protocol, segment: Segment) -> SegmentSpec:
    """What the circuit has to check for this segment. Raises UnprovableSpec when it does not fit."""
    steps = steps_of(protocol, segment)
    codes, before = [step.code for step in steps], ancestors(protocol)
    return SegmentSpec(
        steps=tuple(_step_spec(step, codes, before[step.code], before, segment) for step in steps),
        tests=test_specs(protocol, segment),
        readings=_readings_spec(protocol.leg(segment.leg), steps) if segment.leg else None,
        span=_vein_to_vein(protocol, steps) if segment.vein_to_vein else None,
    )


def test_specs(protocol: Protocol, segment: Segment) -> tuple[TestSpec, ...]:
    """The limits of the segment's release tests, in order."""
    return tuple(_test_spec(step) for step in tests_of(protocol, segment))


def _step_spec(
    step: Step, codes: list[str], ahead: frozenset[str], before: dict[str, frozenset[str]], segment: Segment
) -> StepSpec:
    """A step with which the segment begins has been judged with its own segment: here no wait before it counts."""
    waits = ahead & set(codes) and step.code not in segment.since
    return StepSpec(
        code=step.code,
        max_duration=step.duration_max_minutes * MINUTE,
        max_wait=step.wait_max_minutes * MINUTE if waits else NO_LIMIT,
        after=tuple(codes.index(code) for code in just_before(step.code, codes, before)),
        optional=step.optional,
        two_people=step.needs_second,
    )


def _vein_to_vein(protocol: Protocol, steps: list[Step]) -> SpanSpec:
    return SpanSpec(
        first=next(place for place, step in enumerate(steps) if step.kind == "collection"),
        last=next(place for place, step in enumerate(steps) if step.completes),
        longest=protocol.vein_to_vein_max_days * DAY,
    )


def _readings_spec(leg: Leg, steps: list[Step]) -> ReadingsSpec:
    """Without hard limits nothing outside the band can be proven, whatever the budget."""
    kinds = [step.kind for step in steps]
    bears = leg.hard_low_c100 is not None and leg.hard_high_c100 is not None
    return ReadingsSpec(
        temperature_lo=leg.low_c100,
        temperature_hi=leg.high_c100,
        hard_lo=leg.hard_low_c100 if leg.hard_low_c100 is not None else leg.low_c100,
        hard_hi=leg.hard_high_c100 if leg.hard_high_c100 is not None else leg.high_c100,
        budget=leg.budget_minutes * MINUTE if bears else 0,
        tilt_hi=min(leg.tilt_max_degrees, MAX_TILT),
        shock_hi=leg.shock_max_g if leg.shock_max_g is not None else MAX_SHOCK,
        max_gap=leg.gap_max_minutes * MINUTE,
        ship_step=kinds.index("pack"),
        receive_step=len(kinds) - 1 - kinds[::-1].index("accept"),
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
