"""What comes up for a scheduler: which weeks have room, and what is booked next. Who has which place is *Capacity*."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from custody.scheduling import queries as scheduling
from custody.scheduling import weeks as scheduling_weeks
from custody.scheduling.models import SlotKind
from ledger.clock import now
from ledger.parties.actor import Actor
from portal.presenters.therapies import StatusView

WEEKS_SHOWN = 6
BOOKED_SHOWN = 8
BOOKED_DAYS = 14


@dataclass(frozen=True, slots=True)
class RoomView:
    """Places of one kind in one week, in words."""

    kind: str
    capacity: int
    booked: int
    status: StatusView


@dataclass(frozen=True, slots=True)
class WeekView:
    """One week, with its room of each kind and where it is seen day by day.

    `is_short`: nothing of some kind can be booked. The running week is never short: its days go by one after the other.
    """

    monday: date
    sunday: date
    url: str
    rooms: tuple[RoomView, ...]
    is_short: bool


def ahead(actor: Actor) -> dict[str, Any]:
    """The weeks ahead and the next bookings of the organisation's own places."""
    at = now()
    found = scheduling_weeks.weeks_ahead(by=actor, at=at, count=WEEKS_SHOWN)
    today = timezone.localdate(at)
    weeks = [_week(monday, found.kinds, rooms, is_running=monday <= today) for monday, rooms in found.weeks]
    booked = scheduling.calendar(by=actor, start=at, end=at + timedelta(days=BOOKED_DAYS))
    return {
        "kinds": [SlotKind(kind).label for kind in found.kinds],
        "weeks": weeks,
        "short": sum(week.is_short for week in weeks),
        "judged": sum(week.monday > today for week in weeks),
        "booked": [one for one in booked if one.is_own and not one.is_released and one.starts_at > at][:BOOKED_SHOWN],
        "booked_days": BOOKED_DAYS,
        "checked_at": at,
    }


def _week(
    monday: date, kinds: tuple[str, ...], rooms: tuple[scheduling_weeks.Room, ...], *, is_running: bool
) -> WeekView:
    return WeekView(
        monday=monday,
        sunday=monday + timedelta(days=6),
        url=f"{reverse('capacity')}?week={monday.isoformat()}",
        rooms=tuple(
            RoomView(SlotKind(kind).label, room.capacity, room.booked, _status(room))
            for kind, room in zip(kinds, rooms, strict=True)
        ),
        is_short=not is_running and any(room.free == 0 for room in rooms),
    )


def _status(room: scheduling_weeks.Room) -> StatusView:
    if room.free:
        return StatusView("ok", f"{room.free} free")
    if room.booked:
        return StatusView("due", "Full", "calendar-off")
    return StatusView("due", "None to book", "calendar-off")
