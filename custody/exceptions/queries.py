"""Reading exceptions: worst first, and only those of therapies that the actor may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.expressions import OrderBy
from django.db.models.functions import Coalesce

from custody.contract.worklist import HALTING
from custody.exceptions.models import CustodyException, ExceptionKind
from custody.exceptions.opening import exception_id, key_beside
from custody.exceptions.operations import ExceptionUnknown
from custody.protocols.wording import in_titles
from custody.therapies import disclosure
from custody.therapies.queries import TherapyLine, count_to_many, line_for, of_visible, protocol_by_digest
from ledger.log.models import Record
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
    expected_at: datetime | None
    planned_at: datetime | None
    closed_at: datetime | None
    resolution: str
    cause: str
    why: str
    oos_stage: str
    therapy: TherapyLine


def seen(by: Actor) -> QuerySet[CustodyException]:
    """The exceptions of the therapies that this actor may see."""
    rows = CustodyException.objects.select_related("therapy")
    if by.may("exception.read_all"):
        return rows
    rows = of_visible(rows, by)
    # A finding may quote a clinical value; a courier sees those of the road, and that a therapy is halted.
    return rows.filter(~Q(leg="") | Q(kind__in=HALTING)) if by.party_kind == "courier" else rows


ORDERS: Mapping[str, tuple[str | OrderBy, ...]] = {
    "worst": ("rank", "opened_at", "id"),
    "oldest": ("opened_at", "id"),
    "newest": ("-opened_at", "id"),
    "due": (F("due_at").asc(nulls_last=True), "rank", "opened_at", "id"),
}
"""How a list of open exceptions may be sorted; `worst` is by kind, then by age (DESIGN §12)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which open exceptions are asked for; what is empty narrows nothing.

    `site` is where it was found, `owner` the organisation that has to decide, `opened_before` the latest opening.
    """

    kind: str = ""
    site: UUID | None = None
    owner: UUID | None = None
    product: str = ""
    opened_before: datetime | None = None
    order: str = "worst"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the open exceptions that somebody sees can be narrowed to, each sorted."""

    kinds: tuple[str, ...]
    sites: tuple[UUID, ...]
    owners: tuple[UUID, ...]
    products: tuple[str, ...]


def open_exceptions(
    *, by: Actor, wanted: Wanted | None = None, limit: int = 50, offset: int = 0
) -> list[ExceptionLine]:
    """Open exceptions that are wanted (all of them without `wanted`), worst first unless it says otherwise."""
    asked = wanted or Wanted()
    rows = _wanted(by, asked).order_by(*ORDERS[asked.order])[offset : offset + limit]
    return [_line(row, by) for row in rows]


def count_wanted(*, by: Actor, wanted: Wanted) -> int:
    """How many open exceptions are wanted, up to MANY."""
    return count_to_many(_wanted(by, wanted))


def choices(*, by: Actor) -> Choices:
    """What the list can be narrowed to, from what stands in it now."""
    rows = seen(by).filter(closed_at=None).select_related(None).order_by()
    found = (
        rows.annotate(site=SITE, owner=OWNER)
        .values_list("rank", "kind", "site", "owner", "therapy__product")
        .distinct()
    )
    kinds, sites, owners, products = set(), set(), set(), set()
    for rank, kind, site, owner, product in found:
        kinds.add((rank, kind))
        sites.add(site)
        owners.add(owner)
        products.add(product)
    return Choices(
        tuple(kind for _, kind in sorted(kinds)), tuple(sorted(sites)), tuple(sorted(owners)), tuple(sorted(products))
    )


OWNER = Coalesce("therapy__maker_id", "therapy__centre_id")
"""Whose QA, or whose physician before there is a maker, has to decide (`portal.presenters.exceptions.decides`)."""
SITE = Case(When(kind=ExceptionKind.NOT_PROVEN, then=OWNER), default=F("party_id"))
"""Where it was found; what the prover found is the maker's, or the centre's before there is a maker."""


def _wanted(by: Actor, asked: Wanted) -> QuerySet[CustodyException]:
    rows = seen(by).filter(closed_at=None)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.product:
        rows = rows.filter(therapy__product=asked.product)
    if asked.opened_before is not None:
        rows = rows.filter(opened_at__lte=asked.opened_before)
    if asked.site is not None:
        rows = rows.annotate(site=SITE).filter(site=asked.site)
    if asked.owner is not None:
        rows = rows.annotate(owner=OWNER).filter(owner=asked.owner)
    return rows


def stops(*, by: Actor, limit: int = 3) -> list[ExceptionLine]:
    """Open identity stops and halts that this actor sees, the longest open first: those therapies stand still."""
    rows = seen(by).filter(closed_at=None, kind__in=HALTING).order_by("opened_at", "id")
    return [_line(row, by) for row in rows[:limit]]


def count_open(*, by: Actor) -> int:
    """How many exceptions are open, up to MANY, which stands for that many and more."""
    return count_to_many(seen(by).filter(closed_at=None))


def closed_exceptions(*, by: Actor, since: datetime, limit: int = 50, offset: int = 0) -> list[ExceptionLine]:
    """Exceptions closed since a moment, the last closed first."""
    rows = seen(by).filter(closed_at__gte=since).order_by("-closed_at", "id")[offset : offset + limit]
    return [_line(row, by) for row in rows]


def opened_by(*, record: Record) -> UUID:
    """The exception that this very record opened: an identity stop, a halt. Raises ExceptionUnknown."""
    found = CustodyException.objects.filter(record_id=record.pk).values_list("pk", flat=True).first()
    if found is None:
        raise ExceptionUnknown("This record opened no exception.")
    return found


def is_opened_beside(*, record: Record) -> bool:
    """Whether the signing that made this record opened an exception too, for what of its step is out of limits."""
    found = exception_id(record.chain_id, key_beside(record.idempotency_key))
    return CustodyException.objects.filter(pk=found).exists()


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
        finding=disclosure.finding_for(by, row.kind, _finding(row)),
        step=row.step,
        leg=row.leg,
        place=_place(row),
        party=row.party_id,
        record=row.record_id,
        opened_at=row.opened_at,
        due_at=row.due_at,
        expected_at=row.expected_at,
        planned_at=row.planned_at,
        closed_at=row.closed_at,
        resolution=row.resolution,
        cause=row.cause if disclosure.sees_values(by) else "",
        why=row.why if disclosure.sees_values(by) else "",
        oos_stage=row.oos_stage,
        therapy=line_for(row.therapy, by),
    )


def _finding(row: CustodyException) -> str:
    """As it stands on record; what a prover found names its steps as people know them."""
    if row.kind != ExceptionKind.NOT_PROVEN:
        return row.finding
    return in_titles(row.finding, protocol_by_digest(row.therapy.protocol_digest))


def _place(row: CustodyException) -> str:
    protocol = protocol_by_digest(row.therapy.protocol_digest)
    step = protocol.step(row.step) if row.step else None
    if step is not None:
        return step.title
    return next((leg.title for leg in protocol.legs if leg.code == row.leg), "")
