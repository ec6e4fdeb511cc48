"""Why no chain fits: the first link that fails, and the next place there is. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from custody.scheduling import wording
from custody.scheduling.lines import FOREVER, NEVER, Line
from custody.scheduling.plan import Criteria, Problem


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far a line leads: the first layer that nothing reaches, and the slots reached in the one before."""

    line: Line
    stuck: int
    reached: tuple[int, ...]

    @property
    def length(self) -> int:
        return len(self.line.layers)


def why_none(problem: Problem, criteria: Criteria, lines: Sequence[Line], *, low: int, high: int) -> str:
    """One or two sentences: which link fails, between which times, and what comes next."""
    if not lines:
        if criteria.maker is not None:
            return "The maker you chose does not make this product for your centre. Choose any maker."
        return "No maker makes this product for your centre yet."
    reach = max((_reach(line, low=low, high=high) for line in lines), key=lambda reach: reach.stuck)
    if reach.stuck == 0:
        return _no_collection(problem, criteria, reach.line, low=low, high=high)
    if reach.stuck < reach.length:
        return _broken_link(problem, reach)
    return _too_long(problem)


def _reach(line: Line, *, low: int, high: int) -> _Reach:
    before: tuple[int, ...] = ()
    values = line.beginnings(low=low, high=high, upto=len(line.layers) - 1)
    for index, layer in enumerate(values):
        reached = tuple(slot for slot, value in enumerate(layer) if value != NEVER)
        if not reached:
            return _Reach(line, index, before)
        before = reached
    return _Reach(line, len(values), before)


def _no_collection(problem: Problem, criteria: Criteria, line: Line, *, low: int, high: int) -> str:
    spec, layer = problem.requirements.specs[0], line.layers[0]
    zone = problem.time_zone
    window = f"from {wording.day(criteria.collect_from, zone)}"
    if criteria.fit_until is not None and high != FOREVER:
        window = f"between {wording.day(criteria.collect_from, zone)} and {wording.day(criteria.fit_until, zone)}"
    return f"No free place for “{spec.title}” {window}{_next(layer.starts, low, zone)}"


def _broken_link(problem: Problem, reach: _Reach) -> str:
    specs, zone = problem.requirements.specs, problem.time_zone
    spec, before = specs[reach.stuck], specs[reach.stuck - 1]
    layer, previous = reach.line.layers[reach.stuck], reach.line.layers[reach.stuck - 1]
    starts = [previous.starts[slot] for slot in reach.reached]
    first, last = _moment(min(starts)), _moment(max(starts))
    between = (
        f"on {wording.when(first, zone)}"
        if first == last
        else f"between {wording.when(first, zone)} and {wording.when(last, zone)}"
    )
    within = f" within {wording.span(spec.gap_max_minutes)}" if spec.gap_max_minutes else ""
    ready = min(
        previous.starts[slot] + previous.seconds + max(layer.gap_min, previous.road(slot)) for slot in reach.reached
    )
    if not layer.starts and spec.party not in {"centre", "maker"} and not problem.transit.get(reach.line.maker.id):
        return f"No courier serves your centre and {reach.line.maker.name}, so “{spec.title}” has no place."
    return f"No place for “{spec.title}”{within} of any “{before.title}” {between}{_next(layer.starts, ready, zone)}"


def _next(starts: Sequence[int], after: int, zone: str) -> str:
    place = bisect_left(starts, after)
    if place < len(starts):
        return f"; the next is on {wording.when(_moment(starts[place]), zone)}."
    return "; none later is published."


def _too_long(problem: Problem) -> str:
    needs = problem.requirements
    limits = [f"{wording.span(needs.vein_to_vein_max_minutes)} from vein to vein"]
    if needs.hold_max_minutes is not None:
        limits.insert(0, f"{wording.span(needs.hold_max_minutes)} from the end of collection to the start of making")
    return f"There are places for every link, but no chain stays within {' and '.join(limits)}."


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
