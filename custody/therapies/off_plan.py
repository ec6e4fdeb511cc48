"""A collection on another day than the one that is booked for it: what is said of it, before and after it is signed.

The protocols name no tolerance, so the booked place's own days are it: a collection that begins or ends on one of them
is as planned. Days are counted in the centre's zone, as people there count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from custody.protocols.document import Step
from ledger.clock import parse_stamp
from ledger.parties.queries import party


@dataclass(frozen=True, slots=True)
class OffPlan:
    """The day of a collection beside the day that is booked; `days` is negative where it comes too early."""

    collected_on: date
    booked_on: date
    days: int

    @property
    def apart(self) -> str:
        """`3 days after`, `1 day before`."""
        count = abs(self.days)
        return f"{count} day{'' if count == 1 else 's'} {'after' if self.days > 0 else 'before'}"

    @property
    def finding(self) -> str:
        """For the exception, without personal data."""
        return f"Collected on {_day(self.collected_on)}, {self.apart} the booked day, {_day(self.booked_on)}"


def off_plan(state: Mapping[str, Any], step: Step, started: datetime, ended: datetime) -> OffPlan | None:
    """How far a collection lies from its booked days; None where it lies on one of them, or the step is none."""
    booked = state["slots"].get(step.due.slot) if step.kind == "collection" else None
    if booked is None:
        return None
    zone = ZoneInfo(party(UUID(state["parties"]["centre"])).time_zone)
    first, last, began, done = (
        moment.astimezone(zone).date()
        for moment in (parse_stamp(booked["start"]), parse_stamp(booked["end"]), started, ended)
    )
    if done < first:
        return OffPlan(began, first, (done - first).days)
    if began > last:
        return OffPlan(began, first, (began - last).days)
    return None


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
