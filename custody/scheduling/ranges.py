"""Places over a range of days: the same hours on chosen weekdays, in the member's own zone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from custody.scheduling.names import once
from custody.scheduling.publishing import NewSlot
from ledger.errors import BadInput

MOST_DAYS = 366
MOST_RESOURCES = 60
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class PlaceRange:
    """What a scheduler offers: each of `resources` at each of `starts` on the `weekdays` (0 is Monday) of the range."""

    kind: str
    resources: tuple[str, ...]
    first: date
    last: date
    weekdays: frozenset[int]
    starts: tuple[time, ...]
    length: timedelta
    capacity: int = 1


def days_of(wanted: PlaceRange) -> tuple[date, ...]:
    """The days of the range that fall on the weekdays."""
    every = (wanted.first + timedelta(days=n) for n in range((wanted.last - wanted.first).days + 1))
    return tuple(day for day in every if day.weekday() in wanted.weekdays)


def slots_of(wanted: PlaceRange, zone: ZoneInfo) -> list[NewSlot]:
    """The slots that a range is. A start that the clocks leave out on its day begins when they go on.

    Raises BadInput.
    """
    _check(wanted)
    slots = []
    for day in days_of(wanted):
        for start in wanted.starts:
            begins = _moment(day, start, zone)
            slots += [
                NewSlot(wanted.kind, resource, begins, begins + wanted.length, wanted.capacity)
                for resource in wanted.resources
            ]
    if not slots:
        raise BadInput("None of these days falls on the weekdays that you chose.", field="weekdays")
    return slots


def resources_in(text: str) -> tuple[str, ...]:
    """The resources of a line: `chair 1, chair 2`, or `chair 1 to 4`. In order, each place once. Raises BadInput."""
    found: dict[str, None] = {}
    for part in _parts(text):
        name, _, last = part.rpartition(" to ")
        stem, _, first = name.rpartition(" ")
        if name and first.isdigit() and last.isdigit():
            if not 0 <= int(last) - int(first) < MOST_RESOURCES:
                raise BadInput(f"“{part}”: count up, at most {MOST_RESOURCES} at once.", field="resources")
            found |= dict.fromkeys(f"{stem} {number}".strip() for number in range(int(first), int(last) + 1))
        else:
            found[part] = None
    if any(len(name) > LONGEST_NAME for name in found):
        raise BadInput(f"A chair, suite, van or bed is named in at most {LONGEST_NAME} characters.", field="resources")
    if len(found) > MOST_RESOURCES:
        raise BadInput(f"Publish at most {MOST_RESOURCES} chairs, suites, vans or beds at once.", field="resources")
    return tuple(once(found))


def _parts(text: str) -> Sequence[str]:
    # “ward 4, bed 7” is one bed: resources are parted by semicolons or lines.
    return [part for line in text.replace(";", "\n").splitlines() if (part := " ".join(line.split()))]


def _moment(day: date, start: time, zone: ZoneInfo) -> datetime:
    """The moment in UTC, so that a length is counted in hours that pass, not in hours of the clock."""
    return datetime.combine(day, start, zone).astimezone(UTC)


def _check(wanted: PlaceRange) -> None:
    if wanted.last < wanted.first:
        raise BadInput("The last day comes before the first.", field="last")
    if (wanted.last - wanted.first).days >= MOST_DAYS:
        raise BadInput(f"Publish at most {MOST_DAYS} days at once.", field="last")
    if not wanted.resources:
        raise BadInput("Name at least one chair, suite, van or bed.", field="resources")
    if len(set(wanted.starts)) != len(wanted.starts):
        raise BadInput("An hour is named twice.", field="starts")
    if wanted.length <= timedelta(0):
        raise BadInput("A place lasts at least a quarter of an hour.", field="hours")
