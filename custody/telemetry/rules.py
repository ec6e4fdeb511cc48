"""The judgement of one leg's readings, between packing and receipt, against the leg's specification.

An excursion is judged by the cumulative time outside the band against the product's stability budget, not by single
points (DOMAIN, "Standards"). Time outside is the trapezoidal rule over "this reading is outside": an interval counts
wholly when both its ends are outside, by half when one is. A bad reading is thus answered for until half-way to its
neighbours, silence after it included: what is not known is never counted as fine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from custody.protocols.document import Leg
from custody.telemetry.reading import NewReading, celsius

SECOND = timedelta(seconds=1)


class Verdict(StrEnum):
    """What the readings say, worst first."""

    EXCURSION = "excursion"
    NO_READINGS = "no_readings"
    GAP = "gap"
    TILT = "tilt"
    SHOCK = "shock"
    WITHIN_BUDGET = "within_budget"
    IN_LIMITS = "in_limits"


@dataclass(frozen=True, slots=True)
class Excursion:
    """Time outside the band without a break. `peak_c100` is the reading furthest outside; `is_beyond` says that it
    passed a hard limit, which no budget bears."""

    start: datetime
    end: datetime
    minutes: int
    peak_c100: int
    peak_at: datetime
    finding: str
    is_beyond: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence for longer than the leg allows."""

    start: datetime
    end: datetime
    minutes: int
    finding: str


@dataclass(frozen=True, slots=True)
class Tilt:
    """The shipper lay further over than allowed, for longer than allowed."""

    start: datetime
    end: datetime
    minutes: int
    peak_degrees: int
    finding: str


@dataclass(frozen=True, slots=True)
class Shock:
    """A shock beyond what the leg allows; `g` is None for readings of a logger that measures none."""

    at: datetime
    g: int | None
    finding: str


@dataclass(frozen=True, slots=True)
class LegReport:
    """The judgement. Temperatures in hundredths of a degree Celsius, None where there is no reading.

    `minutes_outside` is rounded up; the verdict is reached on `seconds_outside`. `findings` are sentences, worst
    first, and empty only when nothing is to be said.
    """

    count: int
    first_at: datetime | None
    last_at: datetime | None
    minimum: int | None
    maximum: int | None
    mean: int | None
    seconds_outside: int
    minutes_outside: int
    budget_minutes: int
    excursions: tuple[Excursion, ...]
    gaps: tuple[Gap, ...]
    tilts: tuple[Tilt, ...]
    ahead_of_clock: int
    verdict: Verdict
    findings: tuple[str, ...]
    shocks: tuple[Shock, ...] = ()

    @property
    def is_excursion(self) -> bool:
        """Outside for longer than the budget, or past a hard limit."""
        return self.is_over_budget or any(excursion.is_beyond for excursion in self.excursions)

    @property
    def is_over_budget(self) -> bool:
        return self.seconds_outside > self.budget_minutes * 60

    @property
    def budget_sentence(self) -> str:
        """For example `34 min outside, 30 allowed`."""
        return f"{self.minutes_outside} min outside, {self.budget_minutes} allowed"


def is_outside(leg: Leg, temperature_c100: int) -> bool:
    """Whether a temperature lies outside the leg's band; its limits belong to it."""
    return not leg.low_c100 <= temperature_c100 <= leg.high_c100


def is_beyond(leg: Leg, temperature_c100: int) -> bool:
    """Whether a temperature passed a hard limit, which no budget bears."""
    low, high = leg.hard_low_c100, leg.hard_high_c100
    return (low is not None and temperature_c100 < low) or (high is not None and temperature_c100 > high)


def series(leg: Leg, readings: Iterable[NewReading], *, start: datetime, end: datetime) -> list[NewReading]:
    """The readings between packing and receipt in order of time, one a second, whatever the order of arrival.

    Where two speak of the same second, the one further outside the band stands, then the one more tilted.
    """
    worst: dict[datetime, NewReading] = {}
    for reading in readings:
        if start <= reading.at <= end:
            known = worst.get(reading.at)
            if known is None or _badness(leg, reading) > _badness(leg, known):
                worst[reading.at] = reading
    return [worst[at] for at in sorted(worst)]


def _badness(leg: Leg, reading: NewReading) -> tuple[int, int, int, int, int]:
    return (
        max(leg.low_c100 - reading.temperature_c100, reading.temperature_c100 - leg.high_c100),
        reading.tilt_degrees,
        reading.shock_g or 0,
        reading.temperature_c100,
        -reading.seq,
    )


def evaluate(
    *, leg: Leg, readings: Iterable[NewReading], start: datetime, end: datetime, ahead: int | None = None
) -> LegReport:
    """Judge the readings from `start` (packed) to `end` (received, or now while the leg is under way).

    `ahead` is how many came dated ahead of our clock, where the readings no longer say when they were received.
    """
    known = list(readings)
    ordered = series(leg, known, start=start, end=end)
    if ahead is None:
        ahead = sum(reading.is_ahead for reading in known)
    runs = _runs(ordered, lambda reading: is_outside(leg, reading.temperature_c100), start=start, end=end)
    excursions = tuple(_excursion(leg, run) for run in runs)
    seconds = -(-sum(run.half_seconds for run in runs) // 2)
    gaps = tuple(_gaps(leg, ordered, start=start, end=end))
    leaning = _runs(ordered, lambda reading: reading.tilt_degrees > leg.tilt_max_degrees, start=start, end=end)
    tilts = tuple(_tilt(leg, run) for run in leaning if run.half_seconds > leg.tilt_max_minutes * 120)
    temperatures = [reading.temperature_c100 for reading in ordered]
    minutes = -(-seconds // 60)
    over = seconds > leg.budget_minutes * 60
    beyond = tuple(excursion.finding for excursion in excursions if excursion.is_beyond)
    shocks = tuple(_shocks(leg, ordered))
    return LegReport(
        count=len(ordered),
        first_at=ordered[0].at if ordered else None,
        last_at=ordered[-1].at if ordered else None,
        minimum=min(temperatures, default=None),
        maximum=max(temperatures, default=None),
        mean=round(sum(temperatures) / len(temperatures)) if temperatures else None,
        seconds_outside=seconds,
        minutes_outside=minutes,
        budget_minutes=leg.budget_minutes,
        excursions=excursions,
        gaps=gaps,
        tilts=tilts,
        ahead_of_clock=ahead,
        verdict=_verdict(ordered, over or bool(beyond), excursions, gaps, tilts, shocks),
        findings=(*beyond, *_findings(leg, minutes, over, excursions, gaps, (*tilts, *shocks), ahead)),
        shocks=shocks,
    )


def _verdict(
    ordered: Sequence[NewReading],
    over: bool,
    excursions: Sequence[Excursion],
    gaps: Sequence[Gap],
    tilts: Sequence[Tilt],
    shocks: Sequence[Shock],
) -> Verdict:
    if over:
        return Verdict.EXCURSION
    if not ordered:
        return Verdict.NO_READINGS
    if gaps:
        return Verdict.GAP
    if tilts:
        return Verdict.TILT
    if shocks:
        return Verdict.SHOCK
    return Verdict.WITHIN_BUDGET if excursions else Verdict.IN_LIMITS


def _findings(
    leg: Leg,
    minutes: int,
    over: bool,
    excursions: Sequence[Excursion],
    gaps: Sequence[Gap],
    handling: Sequence[Tilt | Shock],
    ahead: int,
) -> Iterable[str]:
    budget = f"{minutes} min outside {band(leg)}, {leg.budget_minutes} allowed"
    if over:
        yield budget
    yield from (gap.finding for gap in gaps)
    yield from (one.finding for one in handling)
    if excursions and not over:
        yield budget
    if ahead:
        word = "reading was" if ahead == 1 else "readings were"
        yield f"{ahead} {word} dated more than 5 min ahead of the time of arrival: the logger's clock is wrong"


def band(leg: Leg) -> str:
    """The leg's band in words, for example `2 °C to 8 °C`."""
    return f"{celsius(leg.low_c100)} to {celsius(leg.high_c100)}"


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring readings that all break one rule, with the time that they answer for, in half seconds."""

    readings: tuple[NewReading, ...]
    start: datetime
    end: datetime
    half_seconds: int


def _runs(
    ordered: Sequence[NewReading], breaks: Callable[[NewReading], bool], *, start: datetime, end: datetime
) -> list[_Run]:
    """Runs of readings that break a rule. Before the first reading and after the last, that reading answers alone."""
    runs: list[_Run] = []
    first = None
    for index, reading in enumerate(ordered):
        if not breaks(reading):
            continue
        if first is None:
            first = index
        if index + 1 < len(ordered) and breaks(ordered[index + 1]):
            continue
        before = _halfway(ordered[first - 1].at, ordered[first].at) if first else start
        after = _halfway(reading.at, ordered[index + 1].at) if index + 1 < len(ordered) else end
        runs.append(_Run(tuple(ordered[first : index + 1]), before, after, 2 * (after - before) // SECOND))
        first = None
    return runs


def _halfway(left: datetime, right: datetime) -> datetime:
    return left + (right - left) / 2


def _minutes(half_seconds: int) -> int:
    """Whole minutes, rounded up: what is over a limit never reads as if it were not."""
    return -(-half_seconds // 120)


def _excursion(leg: Leg, run: _Run) -> Excursion:
    past = [reading for reading in run.readings if is_beyond(leg, reading.temperature_c100)]
    peak = max(past or run.readings, key=lambda reading: _badness(leg, reading))
    warm = peak.temperature_c100 > leg.high_c100
    minutes, hard = _minutes(run.half_seconds), leg.hard_high_c100 if warm else leg.hard_low_c100
    finding = f"{minutes} min outside {band(leg)}, {'up' if warm else 'down'} to {celsius(peak.temperature_c100)}"
    if past and hard is not None:
        finding += f"; {celsius(hard)} is the limit for any time"
    return Excursion(
        start=run.start,
        end=run.end,
        minutes=minutes,
        peak_c100=peak.temperature_c100,
        peak_at=peak.at,
        finding=finding,
        is_beyond=bool(past),
    )


def _shocks(leg: Leg, ordered: Sequence[NewReading]) -> Iterable[Shock]:
    """Where the leg limits shock: each reading beyond, and the first that says nothing of it."""
    limit = leg.shock_max_g
    if limit is None:
        return
    silent = next((reading for reading in ordered if reading.shock_g is None), None)
    if silent is not None:
        yield Shock(silent.at, None, f"The logger measures no shock, {limit} g allowed")
    for reading in ordered:
        if reading.shock_g is not None and reading.shock_g > limit:
            yield Shock(reading.at, reading.shock_g, f"A shock of {reading.shock_g} g, {limit} g allowed")


def _gaps(leg: Leg, ordered: Sequence[NewReading], *, start: datetime, end: datetime) -> Iterable[Gap]:
    longest = timedelta(minutes=leg.gap_max_minutes)
    times = [start, *(reading.at for reading in ordered), end]
    for index, (before, after) in enumerate(pairwise(times)):
        if after - before <= longest:
            continue
        minutes = _minutes(2 * ((after - before) // SECOND))
        if not ordered:
            words = "No reading between packing and receipt"
        elif index == 0:
            words = f"No reading for {minutes} min after packing"
        elif index == len(times) - 2:
            words = f"No reading for the last {minutes} min"
        else:
            words = f"No reading for {minutes} min"
        yield Gap(before, after, minutes, f"{words}, {leg.gap_max_minutes} allowed")


def _tilt(leg: Leg, run: _Run) -> Tilt:
    peak = max(reading.tilt_degrees for reading in run.readings)
    minutes = _minutes(run.half_seconds)
    finding = f"Tilted over {leg.tilt_max_degrees}° for {minutes} min, {leg.tilt_max_minutes} allowed; up to {peak}°"
    return Tilt(run.start, run.end, minutes, peak, finding)


def summary(report: LegReport) -> str:
    """The report in one sentence: the worst finding, or that all is in limits, with the figures."""
    if report.findings:
        more = f" (and {len(report.findings) - 1} more)" if len(report.findings) > 1 else ""
        return f"{report.findings[0]}{more}."
    if report.minimum is None or report.maximum is None:
        return "No readings yet."
    return f"In limits: {report.count:,} readings from {celsius(report.minimum)} to {celsius(report.maximum)}."
