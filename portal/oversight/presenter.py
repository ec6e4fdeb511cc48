"""Inspections and reports in words."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from custody.oversight.queries import InspectionLine, ReportLine
from custody.oversight.rules import REASONS, month_bounds
from custody.oversight.tasks import AFTER
from ledger.parties.actor import Actor
from portal.presenters.therapies import StatusView

INSPECTED_KINDS = frozenset({"regulator", "treatment_centre", "manufacturer"})


def tabs_for(actor: Actor) -> list[tuple[str, str]]:
    """The rooms of oversight that this actor has, as (address, words)."""
    if not actor.may("audit.read"):
        return []
    rooms = [("inspections", "Inspections"), ("reports", "Reports")] if actor.party_kind in INSPECTED_KINDS else []
    return [*rooms, ("audit", "Audit trail")]


@dataclass(frozen=True, slots=True)
class InspectionView:
    """One inspection as every list and its own page show it. `last_day` is the last that is looked at."""

    line: InspectionLine
    status: StatusView
    why: str
    who: str
    last_day: datetime

    @property
    def id(self) -> UUID:
        return self.line.id


@dataclass(frozen=True, slots=True)
class ReportView:
    line: ReportLine
    month: str


def inspection(line: InspectionLine, people: Mapping[UUID, str]) -> InspectionView:
    if line.is_open:
        status = StatusView("move", "Open", "eye")
    elif line.status == "closed":
        status = StatusView("ok", "Closed by the authority")
    else:
        status = StatusView("ok", "Ended by itself")
    return InspectionView(
        line=line,
        status=status,
        why=REASONS.get(line.reason, line.reason),
        who=people.get(line.person, "An inspector"),
        last_day=line.until - timedelta(days=1),
    )


def report(line: ReportLine) -> ReportView:
    year, number = (int(part) for part in line.month.split("-"))
    return ReportView(line, f"{month_name[number]} {year}")


def next_report(at: datetime) -> datetime:
    """When the report on the present month is made."""
    return month_bounds(f"{at.year}-{at.month:02d}")[1] + AFTER
