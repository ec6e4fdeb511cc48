"""Reading inspections and reports. An inspection opens to the authority what else stays within the site's walls."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from custody.oversight.models import Inspection, Report, ReportFile
from custody.therapies.models import Therapy
from custody.therapies.queries import TherapyLine, line_for
from ledger.errors import NotFound, NotPermitted
from ledger.parties.actor import Actor

PERMISSION = "inspection.open"
SEES = "audit.read"


class InspectionUnknown(NotFound):
    """There is no such inspection, or it is none of this actor's."""


class InspectionOver(NotPermitted):
    """The inspection has ended, and what it opened is closed again."""


class ReportUnknown(NotFound):
    """There is no such report, or it is not this actor's to read."""


class ReportDamaged(NotFound):
    """The stored file is not the one that was signed."""


@dataclass(frozen=True, slots=True)
class InspectionLine:
    """One inspection. `is_open` is as of the moment that was asked for, whether or not its end is on record yet."""

    id: UUID
    party: UUID
    site: UUID
    product: str
    since: datetime
    until: datetime
    reason: str
    reference: str
    person: UUID
    opened_at: datetime
    ends_at: datetime
    closed_at: datetime | None
    status: str
    record: UUID
    is_open: bool

    @property
    def over_at(self) -> datetime:
        """When it ended, or will end: whichever came first."""
        return min(self.closed_at, self.ends_at) if self.closed_at else self.ends_at


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One signed report of an organisation on a month such as `2026-11`."""

    id: UUID
    party: UUID
    month: str
    digest: str
    pdf: str
    record: UUID
    signed_at: datetime


def inspections(*, by: Actor, at: datetime, limit: int = 50, offset: int = 0) -> list[InspectionLine]:
    """Those that the authority opened, or that are of the actor's own organisation; the last opened first."""
    rows = _seen(by).order_by("-opened_at", "id")[offset : offset + limit]
    return [_line(row, at) for row in rows]


def inspection(*, inspection: UUID, by: Actor, at: datetime) -> InspectionLine:
    """One inspection that this actor's organisation makes or undergoes. Raises InspectionUnknown."""
    row = _seen(by).filter(pk=inspection).first()
    if row is None:
        raise InspectionUnknown("There is no such inspection of or by your organisation.")
    return _line(row, at)


def open_now(*, by: Actor, at: datetime) -> list[InspectionLine]:
    """The inspections that are open at a moment, the soonest over first."""
    rows = _seen(by).filter(status="open", ends_at__gt=at).order_by("ends_at", "id")
    return [_line(row, at) for row in rows]


def count_open(*, by: Actor, at: datetime) -> int:
    return _seen(by).filter(status="open", ends_at__gt=at).count()


def opened(*, inspection: UUID, by: Actor, at: datetime) -> InspectionLine:
    """An inspection that is open now, for what it opens. Raises InspectionUnknown, InspectionOver."""
    found = _line_named(inspection, by, at)
    if not found.is_open:
        raise InspectionOver(
            "This inspection has ended, so what it opened is closed again. Open another if you need to."
        )
    return found


def _line_named(identifier: UUID, by: Actor, at: datetime) -> InspectionLine:
    return inspection(inspection=identifier, by=by, at=at)


def in_scope(found: InspectionLine) -> QuerySet[Therapy]:
    """The therapies that an inspection looks at: of its site and product, under way at some time of its period."""
    rows = Therapy.objects.filter(Q(centre_id=found.site) | Q(maker_id=found.site)).filter(ordered_at__lt=found.until)
    rows = rows.filter(Q(ended_at=None) | Q(ended_at__gte=found.since))
    return rows.filter(product=found.product) if found.product else rows


def therapies_of(found: InspectionLine, *, by: Actor, limit: int, offset: int = 0) -> list[TherapyLine]:
    """The therapies in an inspection's scope, those with open exceptions first. Raises InspectionOver."""
    _check_open(found, by)
    rows = in_scope(found).order_by("-open_exceptions", "ordered_at", "id")[offset : offset + limit]
    return [line_for(row, by) for row in rows]


def check_in_scope(found: InspectionLine, *, therapy: UUID, by: Actor) -> None:
    """Raise InspectionOver or InspectionUnknown unless an inspection that is open opens this therapy."""
    _check_open(found, by)
    if not in_scope(found).filter(pk=therapy).exists():
        raise InspectionUnknown("This therapy lies outside the inspection.")


def _check_open(found: InspectionLine, by: Actor) -> None:
    if not found.is_open and by.party != found.site:
        raise InspectionOver(
            "This inspection has ended, so what it opened is closed again. Open another if you need to."
        )


def reports(*, by: Actor, month: str = "", limit: int = 50, offset: int = 0) -> list[ReportLine]:
    """Signed reports, the newest month first: the authority's every one, an organisation's its own."""
    rows = _reports(by)
    if month:
        rows = rows.filter(month=month)
    return [_report(row) for row in rows.order_by("-month", "party__name")[offset : offset + limit]]


def report_file(*, report: UUID, kind: str, by: Actor) -> tuple[ReportLine, bytes]:
    """A report's `json` or `pdf`, checked against what was signed. Raises ReportUnknown, ReportDamaged."""
    row = _reports(by).filter(pk=report).first()
    if row is None:
        raise ReportUnknown("There is no such report for your organisation.")
    digest = row.pdf if kind == "pdf" else row.digest
    file = ReportFile.objects.filter(pk=digest).first()
    content = bytes(file.content) if file else b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise ReportDamaged("The stored file is not the one that was signed. Ask for it to be restored from a backup.")
    return _report(row), content


def _seen(by: Actor) -> QuerySet[Inspection]:
    if by.may(PERMISSION):
        return Inspection.objects.filter(party_id=by.party)
    return Inspection.objects.filter(site_id=by.party) if by.may(SEES) else Inspection.objects.none()


def _reports(by: Actor) -> QuerySet[Report]:
    if not by.may(SEES):
        return Report.objects.none()
    return Report.objects.all() if by.party_kind == "regulator" else Report.objects.filter(party_id=by.party)


def _line(row: Inspection, at: datetime) -> InspectionLine:
    return InspectionLine(
        id=row.id,
        party=row.party_id,
        site=row.site_id,
        product=row.product,
        since=row.since,
        until=row.until,
        reason=row.reason,
        reference=row.reference,
        person=row.person,
        opened_at=row.opened_at,
        ends_at=row.ends_at,
        closed_at=row.closed_at,
        status=row.status,
        record=row.record_id,
        is_open=row.status == "open" and at < row.ends_at,
    )


def _report(row: Report) -> ReportLine:
    return ReportLine(row.id, row.party_id, row.month, row.digest, row.pdf, row.record_id, row.signed_at)
