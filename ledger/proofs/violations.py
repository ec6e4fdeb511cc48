"""The rules of the circuit in plain Python, with a reason that a person can act on.

Run before proving: the prover itself only says that a false statement has no proof. Every rule here is one of the
circuit's, and the falsification tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from ledger.proofs.babyjubjub import verify
from ledger.proofs.specification import ReadingsSpec, SegmentSpec, TestSpec
from ledger.proofs.statement import (
    NotEncodable,
    Reading,
    ReadingsWitness,
    SegmentWitness,
    StepWitness,
    encode_readings,
    readings_root,
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
    expected, found = [s.code for s in spec.steps], [s.code for s in witness.steps]
    if expected != found:
        yield _differs("step", expected, found)
        return
    for step in witness.steps:
        if not 0 <= step.start < 2**32 or not 0 <= step.end < 2**32:
            yield Violation("step.time", step.code, f"{step.code}: its times lie outside 1970 to 2106")
            return
    for limits, step in zip(spec.steps, witness.steps, strict=True):
        lasted = step.end - step.start
        if lasted < 0:
            reason = f"{step.code}: ended {_span(-lasted)} before it began"
            yield Violation("step.backwards", step.code, reason, lasted, 0, step.end)
        elif lasted > limits.max_duration:
            reason = f"{step.code}: took {_span(lasted)}, {_span(limits.max_duration)} allowed"
            yield Violation("step.duration", step.code, reason, lasted, limits.max_duration, step.end)
    for (before, step), limits in zip(pairwise(witness.steps), spec.steps[1:], strict=True):
        waited = step.start - before.end
        if waited < 0:
            reason = f"{step.code}: began {_span(-waited)} before {before.code} ended"
            yield Violation("step.order", step.code, reason, waited, 0, step.start)
        elif waited > limits.max_wait:
            reason = f"{step.code}: began {_span(waited)} after {before.code}, {_span(limits.max_wait)} allowed"
            yield Violation("step.wait", step.code, reason, waited, limits.max_wait, step.start)
    total = witness.steps[-1].end - witness.steps[0].start
    if total > spec.max_total:
        reason = f"the whole segment took {_span(total)}, {_span(spec.max_total)} allowed"
        yield Violation("segment.duration", "segment", reason, total, spec.max_total, witness.steps[-1].end)


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
    if len(witness.steps) == len(spec.steps):
        ship, receive = witness.steps[spec.readings.ship_step], witness.steps[spec.readings.receive_step]
        yield from _coverage(spec.readings, leg.readings, ship, receive)
    yield from _signed(witness, leg)


def _bands(spec: ReadingsSpec, readings: Sequence[Reading]) -> Iterator[Violation]:
    lo, hi = spec.temperature_lo, spec.temperature_hi
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


def _gaps(spec: ReadingsSpec, readings: Sequence[Reading]) -> Iterator[Violation]:
    if not 0 <= readings[0].at - 1 < 2**32:
        yield Violation("readings.time", "readings", "the log begins outside 1970 to 2106", at=readings[0].at)
    for before, reading in pairwise(readings):
        gap = reading.at - before.at
        if gap < 1:
            reason = f"the reading on {_when(reading.at)} is not later than the one before it"
            yield Violation("readings.order", "readings", reason, gap, 1, reading.at)
        elif gap > spec.max_gap:
            reason = f"no reading for {_span(gap)} from {_when(before.at)}, {_span(spec.max_gap)} allowed"
            yield Violation("readings.gap", "readings", reason, gap, spec.max_gap, before.at)


def _coverage(
    spec: ReadingsSpec, readings: Sequence[Reading], ship: StepWitness, receive: StepWitness
) -> Iterator[Violation]:
    late = readings[0].at - ship.start
    if late > spec.max_gap:
        reason = f"the log begins {_span(late)} after {ship.code} began, {_span(spec.max_gap)} allowed"
        yield Violation("readings.begins-late", "readings", reason, late, spec.max_gap, readings[0].at)
    early = receive.end - readings[-1].at
    if early > spec.max_gap:
        reason = f"the log ends {_span(early)} before {receive.code} ended, {_span(spec.max_gap)} allowed"
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


def _span(seconds: int) -> str:
    """'45 s', '34 min', '2 h 5 min', '3 d 4 h': the two largest parts."""
    parts, rest = [], seconds
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        whole, rest = divmod(rest, size)
        if whole:
            parts.append(f"{whole} {name}")
    return " ".join(parts[:2]) or "0 s"


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
