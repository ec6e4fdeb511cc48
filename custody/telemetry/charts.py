"""A leg's readings as a figure. Pure: rows in, the data of the chart component out (kind `readings`).

The line is thinned to at most 1,500 points, keeping the lowest and the highest of each stretch, so that no excursion is
lost; where readings are missing for longer than the leg allows the line is left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from custody.protocols.document import Leg
from custody.telemetry.reading import NewReading, celsius
from custody.telemetry.rules import Gap, LegReport

MAX_POINTS = 1_500

Point = tuple[datetime, float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A hand-over, or another moment to show on the time axis."""

    at: datetime
    label: str


def figure(
    *, leg: Leg, readings: Sequence[NewReading], report: LegReport, marks: Iterable[Mark], zone: str
) -> dict[str, Any]:
    """The figure's data; `readings` are in order of time, `zone` is the IANA zone that its axis shows."""
    return {
        "zone": zone,
        "unit": "°C",
        "name": leg.title,
        "points": [[at, value] for at, value in thinned(readings, timedelta(minutes=leg.gap_max_minutes))],
        "band": {"low": leg.low_c100 / 100, "high": leg.high_c100 / 100},
        "limits": [
            {"value": limit / 100, "label": f"limit {celsius(limit)}"} for limit in (leg.low_c100, leg.high_c100)
        ],
        "gaps": [{"from": gap.start, "to": gap.end, "label": _gap_label(gap)} for gap in report.gaps],
        "excursions": [
            {
                "at": excursion.peak_at,
                "value": excursion.peak_c100 / 100,
                "from": excursion.start,
                "to": excursion.end,
                "label": f"{excursion.minutes} min outside, {celsius(excursion.peak_c100)}",
            }
            for excursion in report.excursions
        ],
        "marks": [{"at": mark.at, "label": mark.label} for mark in marks],
    }


def _gap_label(gap: Gap) -> str:
    return f"No readings, {gap.minutes} min"


def thinned(readings: Sequence[NewReading], gap_max: timedelta, *, most: int = MAX_POINTS) -> list[Point]:
    """At most `most` points: (time, °C), and (time, None) wherever the line must be left open."""
    stretches = list(_stretches(readings, gap_max))
    openings = max(0, len(stretches) - 1)
    if len(readings) + openings <= most:
        kept: list[Sequence[NewReading]] = stretches
    elif openings * 3 > most:
        # More holes than points to show them by: each bucket stands alone, as nothing is known between most of them.
        kept = [_extremes(bucket) for bucket in _buckets(readings, most // 3)]
    else:
        per_point = (most - openings - 2 * len(stretches)) / max(1, len(readings))
        kept = [_thin(stretch, max(2, int(len(stretch) * per_point))) for stretch in stretches]
    points: list[Point] = []
    for stretch in kept:
        if points:
            last = points[-1][0]
            points.append((last + (stretch[0].at - last) / 2, None))
        points.extend((reading.at, reading.temperature_c100 / 100) for reading in stretch)
    return points


def _stretches(readings: Sequence[NewReading], gap_max: timedelta) -> Iterable[Sequence[NewReading]]:
    """Readings parted at the gaps."""
    start = 0
    for index, (before, after) in enumerate(pairwise(readings), 1):
        if after.at - before.at > gap_max:
            yield readings[start:index]
            start = index
    if readings:
        yield readings[start:]


def _thin(readings: Sequence[NewReading], most: int) -> list[NewReading]:
    """At most `most` readings (2 at least): the lowest and highest of each bucket, in order of time."""
    if len(readings) <= most:
        return list(readings)
    return [reading for bucket in _buckets(readings, most // 2) for reading in _extremes(bucket)]


def _buckets(readings: Sequence[NewReading], count: int) -> Iterable[Sequence[NewReading]]:
    size = -(-len(readings) // max(1, count))
    for start in range(0, len(readings), size):
        yield readings[start : start + size]


def _extremes(bucket: Sequence[NewReading]) -> list[NewReading]:
    low = min(bucket, key=lambda reading: reading.temperature_c100)
    high = max(bucket, key=lambda reading: reading.temperature_c100)
    return sorted({low.at: low, high.at: high}.values(), key=lambda reading: reading.at)
