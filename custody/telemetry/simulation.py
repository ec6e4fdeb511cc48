"""Readings as a real shipment would give them, for demonstrations and tests: the same seed gives the same. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, get_args

from custody.protocols.document import Leg
from custody.telemetry.reading import NewReading

Kind = Literal["calm", "excursion", "gap", "tilt", "shock", "brief"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def readings_for(
    leg: Leg,
    start: datetime,
    end: datetime,
    interval_s: int = 300,
    kind: Kind = "calm",
    seed: int = 0,
    *,
    first_seq: int | None = None,
    trouble_from: datetime | None = None,
) -> list[NewReading]:
    """Readings from `start` to `end`, the first and last on the edges, all in limits save what `kind` says.

    `excursion` lasts beyond the leg's budget, `brief` for part of it, `shock` goes beyond what the leg allows, `gap`
    and `tilt` last twice what the leg allows; half-way through or from `trouble_from`. Sequence numbers are the seconds
    since 1970 unless `first_seq` is given, so that two journeys of one logger never collide. A later `end` on the same
    grid adds readings and changes none.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    if interval_s < 1 or end < start:
        raise ValueError("the interval is a second at least, and the end is not before the start")
    source = random.Random(f"needlepoint/{leg.code}/{seed}")  # noqa: S311 (a demonstration, no secret)
    trouble = _trouble(leg, start, end, interval_s, kind, trouble_from)
    readings = []
    for index, at in enumerate(_times(start, end, interval_s)):
        inside = trouble is not None and trouble[0] <= at <= trouble[1]
        if inside and kind == "gap":
            continue
        seq = int(at.timestamp()) if first_seq is None else first_seq + index
        readings.append(
            NewReading(
                seq=seq,
                at=at,
                temperature_c100=_temperature(leg, index, source, out=inside and kind in {"excursion", "brief"}),
                tilt_degrees=_tilt(leg, source, over=inside and kind == "tilt"),
                shock_g=_shock(leg, source, over=inside and kind == "shock"),
            )
        )
    return readings


def _times(start: datetime, end: datetime, interval_s: int) -> Iterator[datetime]:
    at = start.replace(microsecond=0) + timedelta(seconds=1 if start.microsecond else 0)
    last = end.replace(microsecond=0)
    while at < last:
        yield at
        at += timedelta(seconds=interval_s)
    if at - timedelta(seconds=interval_s) < last or start == end:
        yield last


def _trouble(
    leg: Leg, start: datetime, end: datetime, interval_s: int, kind: Kind, trouble_from: datetime | None
) -> tuple[datetime, datetime] | None:
    if kind == "calm":
        return None
    allowed = {
        "excursion": leg.budget_minutes,
        "gap": leg.gap_max_minutes,
        "tilt": leg.tilt_max_minutes,
        "shock": 0,
        "brief": 0,
    }[kind]
    lasting = timedelta(minutes=2 * allowed + 5, seconds=2 * interval_s)
    if kind == "brief":
        # A reading answers for half the way to its neighbours, so the window is an interval shorter than the time; one
        # reading at least falls into it.
        every = timedelta(seconds=interval_s)
        lasting = max(every, timedelta(minutes=leg.budget_minutes) * 0.6 - every)
    if trouble_from is not None:
        return trouble_from, trouble_from + lasting
    middle = start + (end - start) / 2
    # On a way shorter than that the trouble takes all of its middle.
    half = min(lasting / 2, (end - start) * 0.45)
    return middle - half, middle + half


def _temperature(leg: Leg, index: int, source: random.Random, *, out: bool) -> int:
    width = min(leg.high_c100 - leg.low_c100, 4_000)
    middle = _usual(leg, width)
    slow = math.sin(index / 37) * 0.12 + math.sin(index / 11.3) * 0.06
    value = middle + int(width * slow) + source.randint(-width // 40 - 1, width // 40 + 1)
    value = max(leg.low_c100, min(leg.high_c100, value))
    return leg.high_c100 + max(150, width // 20) + source.randint(0, 60) if out else value


def _usual(leg: Leg, width: int) -> int:
    """Where the temperature lies: mid-band when chilled, near the cold end of a dry-vapour shipper's wide band."""
    if leg.high_c100 - leg.low_c100 <= 4_000:
        return (leg.low_c100 + leg.high_c100) // 2
    return leg.low_c100 + width // 2


def _tilt(leg: Leg, source: random.Random, *, over: bool) -> int:
    if over:
        return min(180, leg.tilt_max_degrees + source.randint(10, 30))
    return min(leg.tilt_max_degrees, abs(round(source.gauss(0, 4))))


def _shock(leg: Leg, source: random.Random, *, over: bool) -> int:
    allowed = leg.shock_max_g if leg.shock_max_g is not None else 25
    if over:
        return allowed + source.randint(5, 40)
    return min(allowed, abs(round(source.gauss(0, 2))))
