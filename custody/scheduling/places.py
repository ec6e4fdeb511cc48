"""How many places a slot still has: its capacity, less bookings, less what others hold at this moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from custody.protocols.document import SlotSpec
from custody.scheduling.models import Booking, Slot, SlotHold
from custody.scheduling.plan import FreeSlot

OCCUPYING = frozenset({"apheresis", "bed"})
"""Kinds of place that one patient fills for the whole time; other slots count bookings by their start alone."""

Resource = tuple[UUID, str, str]
Interval = tuple[datetime, datetime]


def most_at_once(intervals: Iterable[Interval], start: datetime, end: datetime) -> int:
    """The most intervals that overlap one another within start to end (half open)."""
    changes = []
    for begins, ends in intervals:
        if begins < end and ends > start:
            changes += [(max(begins, start), 1), (ends, -1)]
    most = now = 0
    # At one moment what ends comes before what begins: -1 sorts first.
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


@dataclass(slots=True)
class Taken:
    """Places that are booked or held by others."""

    starts: Counter[UUID] = field(default_factory=Counter)
    stays: dict[Resource, list[Interval]] = field(default_factory=dict)

    def free(self, slot: Slot, until: datetime) -> int:
        """Free places of a slot for a stay until then."""
        return self.left(slot.id, slot.party_id, slot.kind, slot.resource, slot.starts_at, until, slot.capacity)

    def left(
        self, slot: UUID, party: UUID, kind: str, resource: str, start: datetime, until: datetime, capacity: int
    ) -> int:
        if kind not in OCCUPYING:
            return capacity - self.starts[slot]
        stays = self.stays.get((party, kind, resource))
        return capacity - most_at_once(stays, start, until) if stays else capacity


def taken(
    *, parties: Collection[UUID], start: datetime, end: datetime, at: datetime, but_for: UUID | None = None
) -> Taken:
    """What is taken of these parties' places between start and end, as of `at`; one therapy may be left out.

    Three queries. Inside a transaction that has locked the slots, it is the truth until the commit.
    """
    found = Taken()
    booked = Booking.objects.filter(party_id__in=parties, released_at=None, starts_at__lt=end)
    if but_for is not None:
        booked = booked.exclude(therapy_id=but_for)
    starting = booked.filter(starts_at__gte=start).order_by()
    found.starts.update(dict(starting.values_list("slot_id").annotate(Count("id"))))
    staying = booked.filter(ends_at__gt=start, slot__kind__in=OCCUPYING).order_by()
    rows = staying.values_list("slot__party_id", "slot__kind", "slot__resource", "starts_at", "ends_at")
    for party, kind, resource, begins, ends in rows:
        found.stays.setdefault((party, kind, resource), []).append((begins, ends))
    held = SlotHold.objects.filter(expires_at__gt=at, slot__party_id__in=parties, slot__starts_at__lt=end)
    if but_for is not None:
        held = held.exclude(therapy_id=but_for)
    holds = held.filter(ends_at__gt=start).values_list(
        "slot_id", "slot__party_id", "slot__kind", "slot__resource", "slot__starts_at", "ends_at"
    )
    for slot, party, kind, resource, begins, ends in holds:
        found.starts[slot] += 1
        if kind in OCCUPYING:
            found.stays.setdefault((party, kind, resource), []).append((begins, ends))
    return found


def free_slots(
    *,
    specs: Sequence[SlotSpec],
    parties: Collection[UUID],
    windows: Mapping[str, Interval],
    at: datetime,
    but_for: UUID | None = None,
) -> tuple[FreeSlot, ...]:
    """The published slots of these parties that have a place left and start within their kind's window: four queries.

    `windows` gives the first and the last start that count, by kind.
    """
    minutes: dict[str, int] = {}
    for spec in specs:
        minutes[spec.kind] = max(spec.minutes, minutes.get(spec.kind, 0))
    longest = {kind: timedelta(minutes=most) for kind, most in minutes.items()}
    start, end = min(first for first, _ in windows.values()), max(last for _, last in windows.values())
    gone = taken(parties=parties, start=start, end=end + max(longest.values()), at=at, but_for=but_for)
    wanted = Q()
    for kind, (first, last) in windows.items():
        wanted |= Q(kind=kind, starts_at__gte=first, starts_at__lte=last)
    rows = Slot.objects.filter(wanted, published=True, party_id__in=parties).values_list(
        "id", "party_id", "kind", "resource", "starts_at", "ends_at", "capacity"
    )
    found = []
    for identifier, party, kind, resource, starts_at, ends_at, capacity in rows.iterator(chunk_size=5000):
        left = gone.left(identifier, party, kind, resource, starts_at, starts_at + longest[kind], capacity)
        if left > 0:
            found.append(FreeSlot(identifier, party, kind, resource, starts_at, ends_at, left))
    return tuple(found)


def lock(slots: Sequence[Slot], ends: Sequence[datetime]) -> None:
    """Lock these slots, and those that share their chair or bed meanwhile, in the order of their ids.

    Everybody locks in that order, so two who want the same places wait for one another and never for ever. SQLite has
    no row locks and needs none: its transactions begin IMMEDIATE, one writer at a time.
    """
    wanted = Q(pk__in=[slot.pk for slot in slots])
    for slot, end in zip(slots, ends, strict=True):
        if slot.kind in OCCUPYING:
            wanted |= Q(
                party_id=slot.party_id,
                kind=slot.kind,
                resource=slot.resource,
                starts_at__lt=end,
                ends_at__gt=slot.starts_at,
            )
    list(Slot.objects.select_for_update().filter(wanted).order_by("pk").values_list("pk", flat=True))
