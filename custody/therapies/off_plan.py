"""A step on another day than the one that is booked for it: what is said of it, before and after it is signed.

The protocols name no tolerance, so days are it: a collection that begins or ends on one of its booked place's days is
as planned. Conditioning, bedside check and infusion come too early on a day before the planned one; when they are late
is judged by their waits. Days are counted in the centre's zone, as people there count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from custody.contract.places import began_at
from custody.contract.worklist import due_of, planned_of, since_of
from custody.protocols.document import Protocol, Step
from ledger.clock import parse_stamp
from ledger.parties.queries import party

EARLY = frozenset({"preparation", "bedside", "infusion"})
"""Step kinds that have no business before the day that they are booked for: the patient is not ready for them."""


@dataclass(frozen=True, slots=True)
class OffPlan:
    """The day of a step beside the day that is booked; `days` is negative where it comes too early.

    `step` is the title of a step that is no collection.
    """

    done_on: date
    booked_on: date
    days: int
    step: str = ""

    @property
    def apart(self) -> str:
        """`3 days after`, `1 day before`."""
        return f"{self.count} {'after' if self.days > 0 else 'before'}"

    @property
    def count(self) -> str:
        """`3 days`, `1 day`."""
        return f"{abs(self.days)} day{'' if abs(self.days) == 1 else 's'}"

    @property
    def finding(self) -> str:
        """For the exception, without personal data."""
        what = f"“{self.step}” was done" if self.step else "Collected"
        return f"{what} on {_day(self.done_on)}, {self.apart} the booked day, {_day(self.booked_on)}"


def is_dated(step: Step) -> bool:
    """Whether a step of this kind is compared with the day that is booked for it."""
    return step.due.slot is not None and (step.kind == "collection" or step.kind in EARLY)


def off_plan(
    state: Mapping[str, Any], protocol: Protocol, step: Step, started: datetime, ended: datetime
) -> OffPlan | None:
    """How far a step lies from its booked day; None where it does not, or no day is booked for it."""
    booked = state["slots"].get(step.due.slot) if is_dated(step) else None
    if booked is None:
        return None
    zone = ZoneInfo(party(UUID(state["parties"]["centre"])).time_zone)
    began, done = started.astimezone(zone).date(), ended.astimezone(zone).date()
    if step.kind != "collection":
        planned = _planned(state, protocol, step)
        day = planned.astimezone(zone).date() if planned else began
        return OffPlan(began, day, (began - day).days, step.title) if began < day else None
    first, last = (parse_stamp(booked[edge]).astimezone(zone).date() for edge in ("start", "end"))
    if done < first:
        return OffPlan(began, first, (done - first).days)
    if began > last:
        return OffPlan(began, first, (began - last).days)
    return None


def _planned(state: Mapping[str, Any], protocol: Protocol, step: Step) -> datetime | None:
    """When the step is planned to begin.

    What follows in a place that began before its time is as much earlier, for that was raised when it began; what
    follows the collection in its place goes by the collection.
    """
    spec = next(spec for spec in protocol.slots if spec.code == step.due.slot)
    collection = protocol.step_of_kind("collection")
    known = dict(state)
    planned = planned_of(known, step, due_of(known, step, since_of(known, protocol, step)))
    if planned is None or (collection is not None and collection.due.slot == spec.code):
        return None
    booked = parse_stamp(state["slots"][spec.code]["start"])
    return planned - max(booked - began_at(state, protocol, spec), timedelta(0))


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
