"""An organisation's own places week by week: how many of each kind it offers, and how many can still be booked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from custody.scheduling import permissions
from custody.scheduling.models import Booking, Slot, SlotHold, SlotKind
from ledger.parties.actor import Actor
from ledger.parties.models import Party

WORKING_DAYS = 5
A_WEEK = timedelta(days=7)


@dataclass(slots=True)
class Room:
    """Places of one kind in one week. `free`: published, still ahead, and neither booked nor held."""

    capacity: int = 0
    booked: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Weeks:
    """Weeks, each with its Monday and a room for each of `kinds`, in the order in which they come in a therapy."""

    kinds: tuple[str, ...]
    weeks: tuple[tuple[date, tuple[Room, ...]], ...]


def working_week(day: date) -> date:
    """The Monday of the week that holds the next working day: on a Saturday or Sunday, of the week that begins."""
    monday = day - timedelta(days=day.weekday())
    return monday if day.weekday() < WORKING_DAYS else monday + A_WEEK


def weeks_ahead(*, by: Actor, at: datetime, count: int) -> Weeks:
    """The working week and those after it, `count` in all. Four queries. Raises NotPermitted."""
    by.check(permissions.READ)
    zone = ZoneInfo(Party.objects.values_list("time_zone", flat=True).get(pk=by.party))
    first = working_week(at.astimezone(zone).date())
    start = datetime.combine(first, time(), zone)
    end = datetime.combine(first + count * A_WEEK, time(), zone)
    slots = list(Slot.objects.filter(party_id=by.party, starts_at__gte=start, starts_at__lt=end))
    bookings = Booking.objects.filter(party_id=by.party, starts_at__gte=start, starts_at__lt=end, released_at=None)
    taken = Counter(bookings.values_list("slot_id", flat=True))
    holds = SlotHold.objects.filter(slot__party_id=by.party, slot__starts_at__gte=start, slot__starts_at__lt=end)
    held = Counter(holds.filter(expires_at__gt=at).values_list("slot_id", flat=True))
    kinds = tuple(kind for kind in SlotKind.values if any(slot.kind == kind for slot in slots))
    found = {first + number * A_WEEK: {kind: Room() for kind in kinds} for number in range(count)}
    for slot in slots:
        day = slot.starts_at.astimezone(zone).date()
        room = found[day - timedelta(days=day.weekday())][slot.kind]
        room.booked += taken[slot.id]
        room.capacity += slot.capacity if slot.published or taken[slot.id] else 0
        if slot.published and slot.starts_at > at:
            room.free += max(0, slot.capacity - taken[slot.id] - held[slot.id])
    return Weeks(kinds, tuple((monday, tuple(rooms.values())) for monday, rooms in found.items()))
