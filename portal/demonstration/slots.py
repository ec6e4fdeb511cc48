"""Free places of the demonstration's members, published by their own people."""

from __future__ import annotations

from datetime import date as date_type
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from custody.scheduling.publishing import NewSlot, publish_slots
from ledger.parties.models import Party
from portal.demonstration.consortium import Cast

CHAIRS, BEDS, SUITES = 6, 18, 6
WEEKEND = 5


def publish_all(cast: Cast, *, first: datetime, days: int, at: datetime) -> int:
    """Publish every member's places for so many days from `first`. Returns how many there are; again is no harm."""
    total = 0
    for party in cast.parties.values():
        slots = _slots_of(party, first, days)
        if slots:
            by = cast.actor(party.id, "coordinator", "scheduler", "dispatcher")
            total += len(publish_slots(slots=slots, by=by, at=at).ids)
    return total


def _slots_of(party: Party, first: datetime, days: int) -> list[NewSlot]:
    zone = ZoneInfo(party.time_zone)
    slots: list[NewSlot] = []
    first_date = first.astimezone(zone).date()
    for day in range(days):
        date = first_date + timedelta(days=day)
        working = date.weekday() < WEEKEND

        def place(
            kind: str,
            resource: str,
            hour: int,
            minute: int,
            length: timedelta,
            capacity: int = 1,
            date: date_type = date,
        ) -> None:
            start = datetime.combine(date, time(hour, minute), zone)
            slots.append(NewSlot(kind, resource, start, start + length, capacity))

        if party.kind == "treatment_centre":
            if working:
                for chair in range(1, CHAIRS + 1):
                    place("apheresis", f"chair {chair}", 8, 0, timedelta(hours=7))
                for bed in range(1, BEDS + 1):
                    place("bed", f"ward 4, bed {bed}", 9, 0, timedelta(days=45))
        elif party.kind == "manufacturer":
            if working:
                for suite in range(SUITES):
                    place("manufacturing", f"suite {'ABCDEF'[suite]}", 9, 0, timedelta(days=14))
            place("testing", "QC laboratory", 9, 0, timedelta(days=21), 6)
            place("release_review", "QP office", 9, 0, timedelta(days=5), 6)
        elif party.kind == "courier":
            place("pickup", "van 8", 15, 30, timedelta(hours=2), 3)
            place("return", "van 12", 8, 0, timedelta(days=4), 3)
    return slots
