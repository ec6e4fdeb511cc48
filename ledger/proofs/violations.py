"""The rules of the circuit in plain Python, with a reason that a person can act on.

Run before proving: the prover itself only says that a false statement has no proof. Every rule here is one of the
circuit's, and the falsification tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from ledger.clock import span
from ledger.proofs.babyjubjub import verify
from ledger.proofs.specification import ReadingsSpec, SegmentSpec, StepSpec, TestSpec
from ledger.proofs.statement import (
    NotEncodable,
    Reading,
    ReadingsWitness,
    SegmentWitness,
    StepWitness,
    encode_readings,
    placed,
    readings_root,
    segment_begin,
    time_outside,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that was not kept.

    `rule` is a stable name (`step.duration`), `subject` the step or test code or `readings`, `value` and `limit` are
    in the units of the specification, `at` is the second since the epoch where there is one.
    """

    rule: str
    subject: str
    reason: str
    value: int | None = None
    limit: int | None = None
    at: int | None = None

    def __str__(self) -> str:
        return self.reason


def violations(spec: SegmentSpec, witness: SegmentWitness, *, capacity: int | None = None) -> list[Violation]:
    """All rules that the witness breaks, in the order of the segment; an empty list means that it can be proven.

    `capacity` is the number of readings that the circuit holds.
    """
    return [*_steps(spec, witness), *_tests(spec, witness), *_leg(spec, witness, capacity)]


def _steps(spec: SegmentSpec, witness: SegmentWitness) -> Iterator[Violation]:
    found = [step.code for step in witness.steps]
    expected = [step.code for step in spec.steps if not step.optional or step.code in found]
    if expected != found:
        yield _differs("step", expected, found)
        return
    begin = segment_begin(witness)
    if not 0 <= begin < 2**32:
        yield Violation("step.time", found[0], f"{found[0]}: its times lie outside 1970 to 2106")
        return
    done = placed(spec, witness)
    for limits, step in zip(spec.steps, done, strict=True):
        if step is not None:
            yield from _lasted(limits, step)
            yield from _people(limits, step)
    ends: list[tuple[str, int]] = []
    for limits, step in zip(spec.steps, done, strict=True):
        before = [ends[index] for index in limits.after] or [("the beginning", begin)]
        if step is None:
            # What comes after a step that was left out waits for what came before it.
            ends.append(max(before, key=lambda one: one[1]))
        else:
            yield from _waited(limits, step, before)
            ends.append((step.code, step.end))
    if spec.span is not None:
        yield from _span_kept(spec, done)


def _lasted(limits: StepSpec, step: StepWitness) -> Iterator[Violation]:
    lasted = step.end - step.start
    if lasted < 0:
        reason = f"{step.code}: ended {span(-lasted)} before it began"
        yield Violation("step.backwards", step.code, reason, lasted, 0, step.end)
    elif lasted > limits.max_duration:
        reason = f"{step.code}: took {span(lasted)}, {span(limits.max_duration)} allowed"
        yield Violation("step.duration", step.code, reason, lasted, limits.max_duration, step.end)


def _people(limits: StepSpec, step: StepWitness) -> Iterator[Violation]:
    if not limits.two_people:
        return
    if step.verifier is None or step.verifier.int == 0:
        yield Violation(
            "step.verifier", step.code, f"{step.code}: nobody verified, a second person has to", at=step.end
        )
    elif step.verifier == step.performer:
        reason = f"{step.code}: verified by the person who performed it, somebody else has to"
        yield Violation("step.same-person", step.code, reason, at=step.end)


def _waited(limits: StepSpec, step: StepWitness, before: Sequence[tuple[str, int]]) -> Iterator[Violation]:
    name, ready = max(before, key=lambda one: one[1])
    waited = step.start - ready
    if waited < 0:
        reason = f"{step.code}: began {span(-waited)} before {name} ended"
        yield Violation("step.order", step.code, reason, waited, 0, step.start)
    elif waited > limits.max_wait:
        reason = f"{step.code}: began {span(waited)} after {name}, {span(limits.max_wait)} allowed"
        yield Violation("step.wait", step.code, reason, waited, limits.max_wait, step.start)


def _span_kept(spec: SegmentSpec, done: Sequence[StepWitness | None]) -> Iterator[Violation]:
    assert spec.span is not None
    first, last = done[spec.span.first], done[spec.span.last]
    assert first is not None and last is not None, "the steps of a span are never optional"  # noqa: PT018
    took = last.end - first.start
    if not 0 <= took <= spec.span.longest:
        reason = f"from {first.code} to {last.code}: {span(abs(took))}, {span(spec.span.longest)} allowed"
        yield Violation("segment.span", "segment", reason, took, spec.span.longest, last.end)


def _tests(spec: SegmentSpec, witness: SegmentWitness) -> Iterator[Violation]:
    expected, found = [t.code for t in spec.tests], [t.code for t in witness.tests]
    if expected != found:
        yield _differs("test", expected, found)
        return
    for limits, test in zip(spec.tests, witness.tests, strict=True):
        if not limits.lo <= test.value <= limits.hi:
            limit = limits.lo if test.value < limits.lo else limits.hi
            allowed = f"{_quantity(limits, limits.lo)} to {_quantity(limits, limits.hi)}{_unit(limits)} allowed"
            reason = f"{test.code}: {_quantity(limits, test.value)}{_unit(limits)}, {allowed}"
            yield Violation("test.limits", test.code, reason, test.value, limit)


def _leg(spec: SegmentSpec, witness: SegmentWitness, capacity: int | None) -> Iterator[Violation]:
    leg = witness.readings
    if spec.readings is None:
        if leg is not None:
            yield Violation("readings.unasked", "readings", "readings were given, the specification asks for none")
        return
    if leg is None or not leg.readings:
        yield Violation("readings.missing", "readings", "there is no temperature log for this leg")
        return
    if capacity is not None and len(leg.readings) > capacity:
        reason = f"{len(leg.readings)} readings, {capacity} fit the circuit"
        yield Violation("readings.capacity", "readings", reason, len(leg.readings), capacity)
    yield from _bands(spec.readings, leg.readings)
    yield from _gaps(spec.readings, leg.readings)
    done = {step.code: step for step in witness.steps}
    ship = done.get(spec.steps[spec.readings.ship_step].code)
    receive = done.get(spec.steps[spec.readings.receive_step].code)
    if ship is not None and receive is not None:
        yield from _coverage(spec.readings, leg.readings, ship, receive)
        yield from _budget(spec.readings, leg.readings, ship, receive)
    yield from _signed(witness, leg)


def _bands(spec: ReadingsSpec, readings: Sequence[Reading]) -> Iterator[Violation]:
    lo, hi = spec.hard_lo, spec.hard_hi
    allowed = f"{_celsius(lo)} to {_celsius(hi)} °C allowed"
    for run in _runs(readings, lambda reading: not lo <= reading.temperature <= hi):
        worst = max(run, key=lambda reading: max(lo - reading.temperature, reading.temperature - hi))
        limit = lo if worst.temperature < lo else hi
        reason = f"{_celsius(worst.temperature)} °C on {_when(worst.at)}, {allowed} ({_count(run)})"
        yield Violation("readings.temperature", "readings", reason, worst.temperature, limit, worst.at)
    for run in _runs(readings, lambda reading: not 0 <= reading.tilt <= spec.tilt_hi):
        worst = max(run, key=lambda reading: reading.tilt)
        reason = f"tilted {worst.tilt}° on {_when(worst.at)}, {spec.tilt_hi}° allowed ({_count(run)})"
        yield Violation("readings.tilt", "readings", reason, worst.tilt, spec.tilt_hi, worst.at)
    for run in _runs(readings, lambda reading: not 0 <= reading.shock <= spec.shock_hi):
        worst = max(run, key=lambda reading: reading.shock)
        reason = f"a shock of {worst.shock} g on {_when(worst.at)}, {spec.shock_hi} g allowed ({_count(run)})"
        yield Violation("readings.shock", "readings", reason, worst.shock, spec.shock_hi, worst.at)


def _budget(
    spec: ReadingsSpec, readings: Sequence[Reading], ship: StepWitness, receive: StepWitness
) -> Iterator[Violation]:
    outside = time_outside(spec, readings, shipped_at=ship.end, received_at=receive.end)
    band = f"{_celsius(spec.temperature_lo)} to {_celsius(spec.temperature_hi)} °C"
    bears = (spec.hard_lo, spec.hard_hi) != (spec.temperature_lo, spec.temperature_hi)
    if bears and outside.halves > 2 * spec.budget:
        seconds = -(-outside.halves // 2)
        reason = f"{span(seconds)} outside {band}, {span(spec.budget)} allowed"
        yield Violation("readings.budget", "readings", reason, seconds, spec.budget)
    if bears and outside.warm and outside.cold:
        reason = f"both warmer and colder than {band}: the time outside is borne on one side only"
        yield Violation("readings.both-sides", "readings", reason)


def _gaps(spec: ReadingsSpec, readings: Sequence[Reading]) -> Iterator[Violation]:
    if not 0 <= readings[0].at < 2**32:
        yield Violation("readings.time", "readings", "the log begins outside 1970 to 2106", at=readings[0].at)
    for before, reading in pairwise(readings):
        gap = reading.at - before.at
        if gap < 0:
            reason = f"the reading on {_when(reading.at)} is earlier than the one before it"
            yield Violation("readings.order", "readings", reason, gap, 0, reading.at)
        elif gap > spec.max_gap:
            reason = f"no reading for {span(gap)} from {_when(before.at)}, {span(spec.max_gap)} allowed"
            yield Violation("readings.gap", "readings", reason, gap, spec.max_gap, before.at)


def _coverage(
    spec: ReadingsSpec, readings: Sequence[Reading], ship: StepWitness, receive: StepWitness
) -> Iterator[Violation]:
    late = readings[0].at - ship.end
    if late > spec.max_gap:
        reason = f"the log begins {span(late)} after {ship.code} ended, {span(spec.max_gap)} allowed"
        yield Violation("readings.begins-late", "readings", reason, late, spec.max_gap, readings[0].at)
    early = receive.end - readings[-1].at
    if early > spec.max_gap:
        reason = f"the log ends {span(early)} before {receive.code} ended, {span(spec.max_gap)} allowed"
        yield Violation("readings.ends-early", "readings", reason, early, spec.max_gap, readings[-1].at)


def _signed(witness: SegmentWitness, leg: ReadingsWitness) -> Iterator[Violation]:
    if not leg.registry.leads_from(leg.device):
        yield Violation("device.registered", "device", "the logger is not in the device registry")
    try:
        encode_readings(leg.readings)
        root = readings_root(witness.therapy, leg.readings, salt=leg.salt, device=leg.device)
    except NotEncodable as problem:
        yield Violation("readings.range", "readings", str(problem))
        return
    if not verify(leg.device, root, leg.signature):
        yield Violation("device.signature", "device", "the logger's signature is not for these readings")


def _differs(kind: str, expected: list[str], found: list[str]) -> Violation:
    missing = [code for code in expected if code not in found]
    if missing:
        return Violation(f"{kind}.missing", missing[0], f"no record of {kind} {', '.join(missing)}")
    strange = [code for code in found if code not in expected]
    if strange:
        return Violation(f"{kind}.unknown", strange[0], f"{kind} {', '.join(strange)} is not in the specification")
    place = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), len(expected))
    shown = found[place] if place < len(found) else found[-1]
    wanted = expected[place] if place < len(expected) else "nothing"
    return Violation(f"{kind}.sequence", shown, f"{kind} {place + 1} is {shown}, {wanted} expected")


def _runs(readings: Sequence[Reading], is_out: Callable[[Reading], bool]) -> Iterator[list[Reading]]:
    """Excursions: unbroken runs of readings for which `is_out` holds."""
    run: list[Reading] = []
    for reading in readings:
        if is_out(reading):
            run.append(reading)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _when(second: int) -> str:
    if not 0 <= second < 2**32:
        return f"second {second}"
    return f"{datetime.fromtimestamp(second, UTC):%d %b %Y, %H:%M:%S} UTC"


def _celsius(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}".replace("-", "−")


def _count(run: Sequence[Reading]) -> str:
    return "1 reading" if len(run) == 1 else f"{len(run)} readings"


def _quantity(spec: TestSpec, value: int) -> str:
    return f"{value / 10**spec.decimals:,.{spec.decimals}f}" if spec.decimals else f"{value:,}"


def _unit(spec: TestSpec) -> str:
    return f" {spec.unit}" if spec.unit else ""
