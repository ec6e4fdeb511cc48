"""Rooms, capacity and calendars: what one organisation sees of slots and bookings, day by day in its own zone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from custody.scheduling import permissions, places
from custody.scheduling.models import Booking, Slot, SlotHold, SlotKind
from custody.therapies.models import Therapy, TherapyParty
from ledger.errors import BadInput
from ledger.parties.actor import Actor
from ledger.parties.models import Party

DAYS = 7
MOST_CALENDAR_DAYS = 370
A_DAY = timedelta(days=1)
NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class RoomDay:
    """Places of a row on one day. `is_shut`: none is offered; `is_past`: the day is over."""

    day: date
    places: int
    free: int
    is_past: bool

    @property
    def is_shut(self) -> bool:
        return self.places == 0


@dataclass(frozen=True, slots=True)
class RoomRow:
    """One kind of place over the week, for example `Apheresis`, `Ward 4 beds`, `Maker starts`."""

    title: str
    kind: str
    days: tuple[RoomDay, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """The week's free places. `first_day` is the first with a place in every row, if there is one."""

    days: tuple[date, ...]
    today: date
    rows: tuple[RoomRow, ...]
    first_day: date | None


@dataclass(frozen=True, slots=True)
class BookedTherapy:
    """Whose booking it is: the pseudonym, what people call it, and what identifies it."""

    therapy: UUID
    call_name: str
    coi: str
    centre: UUID | None = None
    maker: UUID | None = None


@dataclass(frozen=True, slots=True)
class BoardSlot:
    """One slot of the board, with those who have it."""

    slot: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int
    held: int
    published: bool
    booked: tuple[BookedTherapy, ...]

    @property
    def free(self) -> int:
        return max(0, self.capacity - self.held - len(self.booked)) if self.published else 0


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One resource; `days` holds the slots that start on each day of the week."""

    kind: str
    resource: str
    days: tuple[tuple[BoardSlot, ...], ...]


@dataclass(frozen=True, slots=True)
class Board:
    """An organisation's own slots over one week."""

    days: tuple[date, ...]
    rows: tuple[BoardRow, ...]
    capacity: int
    booked: int

    @property
    def used_percent(self) -> int:
        return round(100 * self.booked / self.capacity) if self.capacity else 0


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A booking that the actor may see; `is_own` when it is a place of the actor's organisation."""

    booking: UUID
    therapy: BookedTherapy
    code: str
    kind: str
    kind_title: str
    party: UUID
    party_name: str
    resource: str
    starts_at: datetime
    ends_at: datetime
    is_own: bool
    is_released: bool


def room_this_week(*, by: Actor, at: datetime) -> Room:
    """Free places for each day of this week, Monday first: the actor's own places and, for a centre, makers' starts.

    A bed counts as free when it is so for the first night. Six queries. Raises NotPermitted.
    """
    by.check(permissions.READ)
    zone = _zone(by)
    today = at.astimezone(zone).date()
    days = _week(today - timedelta(days=today.weekday()))
    start, end = _bounds(days, zone)
    own = Q(party_id=by.party)
    if by.party_kind == "treatment_centre":
        own |= Q(kind=SlotKind.MANUFACTURING)
    slots = list(Slot.objects.filter(own, published=True, starts_at__gte=start, starts_at__lt=end))
    gone = places.taken(parties={by.party} | {slot.party_id for slot in slots}, start=start, end=end + A_DAY, at=at)
    counts: dict[tuple[str, str], dict[date, list[int]]] = {}
    for slot in slots:
        day = slot.starts_at.astimezone(zone).date()
        cell = counts.setdefault(_row_of(slot, by), {}).setdefault(day, [0, 0])
        cell[0] += slot.capacity
        if slot.starts_at >= at:
            cell[1] += max(0, gone.free(slot, min(slot.ends_at, slot.starts_at + A_DAY)))
    order = {kind: place for place, kind in enumerate(SlotKind.values)}
    rows = tuple(
        RoomRow(title, kind, tuple(_room_day(day, cells.get(day), today) for day in days))
        for (kind, title), cells in sorted(
            counts.items(), key=lambda row: (_is_makers(row[0][0], by), order[row[0][0]], row[0][1])
        )
    )
    open_days = [day for place, day in enumerate(days) if rows and all(row.days[place].free for row in rows)]
    return Room(days=days, today=today, rows=rows, first_day=open_days[0] if open_days else None)


def _room_day(day: date, cell: list[int] | None, today: date) -> RoomDay:
    offered, free = cell or (0, 0)
    return RoomDay(day=day, places=offered, free=free, is_past=day < today)


def _is_makers(kind: str, by: Actor) -> bool:
    return kind == SlotKind.MANUFACTURING and by.party_kind == "treatment_centre"


def _row_of(slot: Slot, by: Actor) -> tuple[str, str]:
    if slot.kind == SlotKind.BED:
        # “ward 4, bed 7” counts with its ward.
        ward = slot.resource.rpartition(",")[0].strip()
        return slot.kind, f"{ward[:1].upper()}{ward[1:]} beds" if ward else "Beds"
    if _is_makers(slot.kind, by):
        return slot.kind, "Maker starts"
    return slot.kind, SlotKind(slot.kind).label


def capacity_board(*, by: Actor, week: date, at: datetime) -> Board:
    """The slots of the actor's organisation in the week of that day, Monday first, and who has them.

    Raises NotPermitted.
    """
    by.check(permissions.READ)
    zone = _zone(by)
    days = _week(week - timedelta(days=week.weekday()))
    start, end = _bounds(days, zone)
    slots = list(
        Slot.objects.filter(party_id=by.party, starts_at__gte=start, starts_at__lt=end).order_by(
            "kind", "resource", "starts_at"
        )
    )
    identifiers = [slot.id for slot in slots]
    booked = list(Booking.objects.filter(party_id=by.party, starts_at__gte=start, starts_at__lt=end, released_at=None))
    therapies = _therapies({booking.therapy_id for booking in booked})
    takers: dict[UUID, list[BookedTherapy]] = {}
    for booking in booked:
        takers.setdefault(booking.slot_id, []).append(therapies[booking.therapy_id])
    holds = SlotHold.objects.filter(slot_id__in=identifiers, expires_at__gt=at)
    held = Counter(holds.values_list("slot_id", flat=True))
    rows: dict[tuple[str, str], dict[date, list[BoardSlot]]] = {}
    for slot in slots:
        shown = BoardSlot(
            slot=slot.id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            capacity=slot.capacity,
            held=held[slot.id],
            published=slot.published,
            booked=tuple(sorted(takers.get(slot.id, []), key=lambda therapy: therapy.call_name)),
        )
        day = slot.starts_at.astimezone(zone).date()
        rows.setdefault((slot.kind, slot.resource), {}).setdefault(day, []).append(shown)
    offered = [slot for slot in slots if slot.published or slot.id in takers]
    return Board(
        days=days,
        rows=tuple(
            BoardRow(kind, resource, tuple(tuple(cells.get(day, ())) for day in days))
            for (kind, resource), cells in sorted(rows.items(), key=lambda row: (row[0][0], counted(row[0][1])))
        ),
        capacity=sum(slot.capacity for slot in offered),
        booked=len(booked),
    )


def counted(name: str) -> list[tuple[int, str]]:
    """A sorting key that puts “bed 2” before “bed 10”."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in NUMBERS.split(name) if part]


def calendar(*, by: Actor, start: datetime, end: datetime) -> tuple[CalendarEntry, ...]:
    """The bookings from start to end that the actor may see: of its own places, and of its own therapies.

    A courier sees its own journeys only, a regulator all bookings. Four queries. Raises NotPermitted, BadInput.
    """
    by.check(permissions.READ)
    if not timedelta(0) < end - start <= timedelta(days=MOST_CALENDAR_DAYS):
        raise BadInput("Choose a time of one day to one year.", field="end")
    rows = list(
        _visible(by)
        .filter(starts_at__lt=end, ends_at__gt=start)
        .select_related("slot")
        .order_by("starts_at", "code", "pk")
    )
    names = dict(Party.objects.filter(pk__in={row.party_id for row in rows}).values_list("id", "name"))
    therapies = _therapies({row.therapy_id for row in rows})
    return tuple(
        CalendarEntry(
            booking=row.id,
            therapy=therapies[row.therapy_id],
            code=row.code,
            kind=row.slot.kind,
            kind_title=SlotKind(row.slot.kind).label,
            party=row.party_id,
            party_name=names.get(row.party_id, ""),
            resource=row.slot.resource,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            is_own=row.party_id == by.party,
            is_released=row.released_at is not None,
        )
        for row in rows
    )


def _visible(by: Actor) -> QuerySet[Booking]:
    if by.party_kind == "regulator":
        return Booking.objects.all()
    own = Q(party_id=by.party)
    if by.party_kind == "courier":
        return Booking.objects.filter(own)
    mine = TherapyParty.objects.filter(party_id=by.party).values("therapy_id")
    return Booking.objects.filter(own | Q(therapy_id__in=mine))


def _therapies(identifiers: Iterable[UUID]) -> dict[UUID, BookedTherapy]:
    wanted = set(identifiers)
    rows = Therapy.objects.filter(pk__in=wanted).values_list("id", "call_name", "coi", "centre_id", "maker_id")
    found = {row[0]: BookedTherapy(*row) for row in rows}
    return {identifier: found.get(identifier, BookedTherapy(identifier, "", "")) for identifier in wanted}


def _zone(by: Actor) -> ZoneInfo:
    return ZoneInfo(Party.objects.values_list("time_zone", flat=True).get(pk=by.party))


def _week(monday: date) -> tuple[date, ...]:
    return tuple(monday + timedelta(days=number) for number in range(DAYS))


def _bounds(days: tuple[date, ...], zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(days[0], time(), zone)
    return start, datetime.combine(days[-1] + A_DAY, time(), zone)
