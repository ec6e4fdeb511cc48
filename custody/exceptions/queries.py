"""Reading exceptions: worst first, and only those of therapies that the actor may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from custody.exceptions.models import CustodyException, ExceptionKind
from custody.exceptions.operations import ExceptionUnknown
from custody.therapies import disclosure
from custody.therapies.queries import TherapyLine, count_to_many, line_for, of_visible, protocol_by_digest
from ledger.parties.actor import Actor


@dataclass(frozen=True, slots=True)
class ExceptionLine:
    """One exception, with the therapy that it concerns. `place` is the title of its step or leg."""

    id: UUID
    kind: str
    kind_words: str
    finding: str
    step: str
    leg: str
    place: str
    party: UUID
    record: UUID
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    resolution: str
    cause: str
    oos_stage: str
    therapy: TherapyLine


def seen(by: Actor) -> QuerySet[CustodyException]:
    """The exceptions of the therapies that this actor may see."""
    rows = CustodyException.objects.select_related("therapy")
    if by.may("exception.read_all"):
        return rows
    rows = of_visible(rows, by)
    # A finding may quote a clinical value; a courier sees those of the road, and that a therapy is halted.
    return rows.filter(~Q(leg="") | Q(kind=ExceptionKind.IDENTITY_STOP)) if by.party_kind == "courier" else rows


def open_exceptions(*, by: Actor, limit: int = 50, offset: int = 0) -> list[ExceptionLine]:
    """Open exceptions, worst first: by kind, then by age (DESIGN §12)."""
    rows = seen(by).filter(closed_at=None).order_by("rank", "opened_at", "id")[offset : offset + limit]
    return [_line(row, by) for row in rows]


def count_open(*, by: Actor) -> int:
    """How many exceptions are open, up to MANY, which stands for that many and more."""
    return count_to_many(seen(by).filter(closed_at=None))


def closed_exceptions(*, by: Actor, since: datetime, limit: int = 50, offset: int = 0) -> list[ExceptionLine]:
    """Exceptions closed since a moment, the last closed first."""
    rows = seen(by).filter(closed_at__gte=since).order_by("-closed_at", "id")[offset : offset + limit]
    return [_line(row, by) for row in rows]


def of_therapy(*, therapy: UUID, by: Actor) -> list[ExceptionLine]:
    """Every exception of one therapy, the open ones first."""
    rows = list(seen(by).filter(therapy_id=therapy).order_by("rank", "opened_at", "id"))
    return [_line(row, by) for row in sorted(rows, key=lambda row: row.closed_at is not None)]


def exception(*, exception: UUID, by: Actor) -> ExceptionLine:
    """One exception. Raises ExceptionUnknown."""
    row = seen(by).filter(pk=exception).first()
    if row is None:
        raise ExceptionUnknown("There is no such exception for your organisation.")
    return _line(row, by)


def _line(row: CustodyException, by: Actor) -> ExceptionLine:
    return ExceptionLine(
        id=row.id,
        kind=row.kind,
        kind_words=row.get_kind_display(),
        finding=disclosure.finding_for(by, row.kind, row.finding),
        step=row.step,
        leg=row.leg,
        place=_place(row),
        party=row.party_id,
        record=row.record_id,
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
        resolution=row.resolution,
        cause=row.cause if disclosure.sees_values(by) else "",
        oos_stage=row.oos_stage,
        therapy=line_for(row.therapy, by),
    )


def _place(row: CustodyException) -> str:
    protocol = protocol_by_digest(row.therapy.protocol_digest)
    step = protocol.step(row.step) if row.step else None
    if step is not None:
        return step.title
    return next((leg.title for leg in protocol.legs if leg.code == row.leg), "")
