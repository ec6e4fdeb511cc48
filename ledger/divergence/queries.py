"""Reading divergences. They concern every member alike, so every member may read all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, When

from ledger.divergence import report as reports
from ledger.divergence.models import (
    Divergence,
    DivergenceAcknowledgement,
    DivergenceReport,
    DivergenceResolution,
)
from ledger.divergence.operations import DivergenceUnknown

Mark = tuple[int, int, int]
NOTHING: Mark = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class DivergenceLine:
    """One divergence for a list; `open` until it is settled."""

    id: UUID
    kind: str
    log: str
    size: int
    index: int | None
    problem: str
    received_at: datetime
    reporters: tuple[Reporter, ...]
    seen: tuple[Seen, ...]
    settled: Settled | None
    reopens: UUID | None = None

    @property
    def open(self) -> bool:
        return self.settled is None

    @property
    def detected_at(self) -> datetime:
        return min((one.detected_at for one in self.reporters), default=self.received_at)


@dataclass(frozen=True, slots=True)
class Reporter:
    """A witness that found it, whose it is, and when it saw it and was heard."""

    witness: str
    party: UUID
    vkey: str
    detected_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """A person of a member who said that they have seen it."""

    party: UUID
    person: UUID
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """How it was resolved, and by whom."""

    party: UUID
    role: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """What every screen says while a divergence is open: how many, and the newest of them, a silence last."""

    count: int
    newest: UUID
    kind: str
    since: datetime


def alarm() -> Alarm | None:
    """The open divergences, in two queries; None when there is none."""
    still_open = Divergence.objects.filter(resolution=None)
    count = still_open.count()
    if not count:
        return None
    # Witnesses that found something are silent soon: that must not take the place of what they found.
    found_first = Case(When(kind="stale", then=1), default=0)
    newest = still_open.order_by(found_first, "-received_at", "id").only("id", "kind").first()
    oldest = still_open.order_by("received_at").values_list("received_at", flat=True).first()
    if newest is None or oldest is None:
        return None
    return Alarm(count, newest.pk, newest.kind, oldest)


def accusing() -> frozenset[str]:
    """The names of the witnesses that found a divergence which is not settled."""
    found = DivergenceReport.objects.filter(divergence__resolution=None)
    return frozenset(found.values_list("witness", flat=True).distinct())


def mark() -> Mark:
    """Changes whenever anything about divergences does: what open screens follow. Rows are only ever added."""
    reported = DivergenceReport.objects.count()
    if not reported:
        return NOTHING
    return reported, DivergenceAcknowledgement.objects.count(), DivergenceResolution.objects.count()


def divergences(*, limit: int, offset: int = 0) -> list[DivergenceLine]:
    """All that were ever reported, open ones first, then the newest."""
    rows = Divergence.objects.annotate(settled=Case(When(resolution=None, then=0), default=1))
    return _lines(list(rows.order_by("settled", "-received_at", "id")[offset : offset + limit]))


def divergence_named(divergence: UUID) -> DivergenceLine:
    """One divergence. Raises DivergenceUnknown."""
    found = _lines(list(Divergence.objects.filter(pk=divergence)))
    if not found:
        raise DivergenceUnknown("There is no such divergence. The list shows all that were reported.")
    return found[0]


def reports_of(divergence: UUID) -> list[tuple[str, reports.Report]]:
    """The signed reports with their evidence, each with the verifier key that it was checked with; oldest first."""
    rows = DivergenceReport.objects.filter(divergence_id=divergence).order_by("received_at", "id")
    return [(row.vkey, reports.parse(bytes(row.document))) for row in rows]


def _lines(rows: list[Divergence]) -> list[DivergenceLine]:
    ids = [row.pk for row in rows]
    reporters: dict[UUID, list[Reporter]] = {}
    found = DivergenceReport.objects.filter(divergence__in=ids).defer("document").order_by("received_at", "id")
    for report in found:
        one = Reporter(report.witness, report.party_id, report.vkey, report.detected_at, report.received_at)
        reporters.setdefault(report.divergence_id, []).append(one)
    seen: dict[UUID, list[Seen]] = {}
    for row in DivergenceAcknowledgement.objects.filter(divergence__in=ids).order_by("at", "id"):
        seen.setdefault(row.divergence_id, []).append(Seen(row.party_id, row.person, row.role, row.at))
    settled = {
        row.divergence_id: Settled(row.party_id, row.role, row.reason, row.at)
        for row in DivergenceResolution.objects.filter(divergence__in=ids)
    }
    return [
        DivergenceLine(
            id=row.pk,
            kind=row.kind,
            log=row.log,
            size=row.size,
            index=row.index,
            problem=row.problem,
            received_at=row.received_at,
            reporters=tuple(reporters.get(row.pk, ())),
            seen=tuple(seen.get(row.pk, ())),
            settled=settled.get(row.pk),
            reopens=row.reopens,
        )
        for row in rows
    ]
