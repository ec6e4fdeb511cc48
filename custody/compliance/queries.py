"""Reading compliance: which therapies are proven, which cannot be and why, and how sites compare.

A constant number of queries, however many therapies there are. Reasons and findings are clinical, so an organisation
without clinical data gets the verdict alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from custody.compliance.keys import CEREMONY_KIND, KEY_KINDS
from custody.compliance.models import ComplianceProof
from custody.compliance.specification import steps_of, tests_of
from custody.exceptions.queries import seen
from custody.protocols.document import Protocol, Segment
from custody.protocols.wording import in_titles
from custody.telemetry.models import ReadingsCommitment
from custody.therapies import disclosure
from custody.therapies.figures import as_of_last_change
from custody.therapies.models import StepRecord, Therapy
from custody.therapies.queries import TherapyLine, find_therapy, line_for, of_visible, protocol_by_digest, visible
from ledger.ceremony.queries import finished_keys
from ledger.errors import NotFound
from ledger.log.models import Document
from ledger.parties.actor import Actor

PROVEN, NOT_PROVEN = "proven", "not_proven"


def published_proofs() -> QuerySet[ComplianceProof]:
    """Every segment's proof, of all therapies; who may see which is asked by whoever shows them."""
    return ComplianceProof.objects.filter(verdict=PROVEN)


class ProofNotFound(NotFound):
    """There is no such proof, or it is not this actor's to see."""


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One segment of a therapy's protocol and its verdict: proven, not_proven, making (finished, not yet judged), open.

    What it covers: `steps`, `tests` and `readings` are numbers. `id`, `record` and `published_at` are None without
    a verdict.
    """

    code: str
    title: str
    verdict: str
    steps: int
    tests: int
    readings: int
    circuit: str
    key: str
    reasons: tuple[str, ...]
    id: UUID | None
    record: UUID | None
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProvenTherapy:
    """A therapy with its published proofs: how many of its protocol's segments have one, and the last one's time."""

    therapy: TherapyLine
    proofs: int
    segments: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Unproven:
    """A segment that cannot be proven, and why."""

    therapy: TherapyLine
    segment: str
    title: str
    reasons: tuple[str, ...]
    published_at: datetime


@dataclass(frozen=True, slots=True)
class SiteLine:
    """An organisation's therapies by verdict and exception."""

    party: UUID
    therapies: int
    proven: int
    not_proven: int
    open_exceptions: int
    closed_exceptions: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A verification key on the ledger. `ceremony` is whether several members made it together."""

    digest: str
    code: str
    version: str
    ceremony: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """Therapies with at least one proof, and segments that cannot be proven, within some time."""

    therapies: int
    unproven: int


def count_by_verdict(*, by: Actor) -> dict[str, int]:
    """How many therapies are proven, partly, not_proven, none; and `quiet`: proven with no exception open."""

    def count() -> dict[str, int]:
        rows = visible(by).order_by().values_list("proof_state").annotate(Count("id"))
        quiet = visible(by).filter(proof_state=PROVEN, open_exceptions=0).count()
        return {"proven": 0, "partly": 0, "not_proven": 0, "none": 0, **dict(rows), "quiet": quiet}

    return as_of_last_change("verdicts", by=by, compute=count)


def segments_of(*, therapy: UUID, by: Actor) -> list[SegmentLine]:
    """Every segment of a therapy's protocol with its verdict. Raises TherapyNotFound."""
    row = find_therapy(therapy=therapy, by=by)
    protocol = protocol_by_digest(row.protocol_digest)
    verdicts = {proof.segment: proof for proof in ComplianceProof.objects.filter(therapy=row)}
    done = set(StepRecord.objects.filter(therapy=row).values_list("step", flat=True))
    counts = dict(ReadingsCommitment.objects.filter(therapy=row).values_list("leg", "count"))
    return [_segment(by, protocol, segment, verdicts.get(segment.code), done, counts) for segment in protocol.segments]


def _segment(
    by: Actor,
    protocol: Protocol,
    segment: Segment,
    verdict: ComplianceProof | None,
    done: Collection[str],
    counts: Mapping[str, int],
) -> SegmentLine:
    steps = [step for code in segment.steps if (step := protocol.step(code))]
    finished = all(step.code in done or step.optional for step in steps)
    return SegmentLine(
        code=segment.code,
        title=segment.title,
        verdict=verdict.verdict if verdict else "making" if finished else "open",
        steps=sum(step.code in done or not step.optional for step in steps_of(protocol, segment)),
        tests=len(tests_of(protocol, segment)),
        readings=counts.get(segment.leg or "", 0),
        circuit=verdict.circuit if verdict else "",
        key=verdict.key if verdict else "",
        reasons=_reasons(by, verdict, protocol) if verdict else (),
        id=verdict.id if verdict else None,
        record=verdict.record_id if verdict else None,
        published_at=verdict.published_at if verdict else None,
    )


def proof(*, proof: UUID, by: Actor) -> ComplianceProof:
    """A published proof of a therapy that this actor may see. Raises ProofNotFound."""
    found = _published(by).filter(pk=proof).select_related("therapy").first()
    if found is None:
        raise ProofNotFound("There is no such proof for your organisation.")
    return found


def published(
    *, by: Actor, since: datetime | None = None, until: datetime | None = None, limit: int = 200, offset: int = 0
) -> list[ProvenTherapy]:
    """Therapies with published proofs, the last published first."""
    found = {row["therapy"]: row for row in _grouped(by, since, until)[offset : offset + limit]}
    therapies = Therapy.objects.in_bulk(list(found))
    lines = []
    for identifier, row in found.items():
        therapy = therapies[identifier]
        segments = len(protocol_by_digest(therapy.protocol_digest).segments)
        lines.append(ProvenTherapy(line_for(therapy, by), row["number"], segments, row["last"]))
    return lines


def months(*, by: Actor) -> list[tuple[int, int]]:
    """The months (year, month in UTC) in which proofs were published, the last first."""
    return [(moment.year, moment.month) for moment in _published(by).datetimes("published_at", "month", order="DESC")]


def proven(*, by: Actor, limit: int = 200, offset: int = 0) -> list[TherapyLine]:
    """Therapies of which every segment is proven, the last changed first."""
    rows = visible(by).filter(proof_state=PROVEN).order_by("-changed_at", "id")[offset : offset + limit]
    return [line_for(row, by) for row in rows]


def unproven(
    *, by: Actor, since: datetime | None = None, until: datetime | None = None, limit: int = 200, offset: int = 0
) -> list[Unproven]:
    """Segments that cannot be proven, the last judged first."""
    rows = _unprovable(by, since, until).select_related("therapy").order_by("-published_at", "id")
    return [_unproven(row, by) for row in rows[offset : offset + limit]]


def _unprovable(by: Actor, since: datetime | None, until: datetime | None) -> QuerySet[ComplianceProof]:
    return _within(of_visible(ComplianceProof.objects.filter(verdict=NOT_PROVEN), by), since, until)


def _unproven(row: ComplianceProof, by: Actor) -> Unproven:
    protocol = protocol_by_digest(row.therapy.protocol_digest)
    title = protocol.segment_title(row.segment)
    return Unproven(line_for(row.therapy, by), row.segment, title, _reasons(by, row, protocol), row.published_at)


def _reasons(by: Actor, row: ComplianceProof, protocol: Protocol) -> tuple[str, ...]:
    return tuple(disclosure.finding_for(by, NOT_PROVEN, in_titles(reason, protocol)) for reason in row.reasons)


def sites(*, by: Actor) -> list[SiteLine]:
    """Centres and makers with their therapies by verdict, most open exceptions first; four queries after a change."""
    return as_of_last_change("sites", by=by, compute=lambda: _sites(by))


def _sites(by: Actor) -> list[SiteLine]:
    found: dict[UUID, dict[str, int]] = {}
    for capacity in ("centre", "maker"):
        rows = visible(by).exclude(**{capacity: None}).order_by().values(capacity)
        for row in rows.annotate(
            therapies=Count("id"),
            proven=Count("id", filter=Q(proof_state=PROVEN)),
            not_proven=Count("id", filter=Q(proof_state=NOT_PROVEN)),
        ):
            party = row.pop(capacity)
            found[party] = row
        exceptions = seen(by).select_related(None).order_by()
        for row in exceptions.values(f"therapy__{capacity}").annotate(
            open_exceptions=Count("id", filter=Q(closed_at=None)),
            closed_exceptions=Count("id", filter=Q(closed_at__isnull=False)),
        ):
            party = row.pop(f"therapy__{capacity}")
            if party in found:
                found[party] |= row
    empty = {"open_exceptions": 0, "closed_exceptions": 0}
    lines = [SiteLine(party=party, **{**empty, **counts}) for party, counts in found.items()]
    return sorted(lines, key=lambda line: (-line.open_exceptions, -line.not_proven, str(line.party)))


def keys(digests: Collection[str]) -> list[KeyLine]:
    """These verification keys, as published on the ledger."""
    rows = Document.objects.filter(kind__in=KEY_KINDS, digest__in=digests).order_by("code", "version")
    made = finished_keys() if any(row.kind == CEREMONY_KIND for row in rows) else frozenset()
    return [KeyLine(row.digest, row.code, row.version, row.digest in made) for row in rows]


def keys_in_use(*, by: Actor) -> list[KeyLine]:
    """The verification keys of every published proof that this actor may see."""

    def find() -> list[KeyLine]:
        return keys(list(_published(by).order_by().values_list("key", flat=True).distinct()))

    return as_of_last_change("keys", by=by, compute=find)


def count_published(*, by: Actor, since: datetime | None, until: datetime | None, limit: int) -> int:
    """How many proofs the therapies of `published` have, with that limit."""

    def count() -> int:
        return sum(row["number"] for row in _grouped(by, since, until)[:limit])

    return as_of_last_change(f"published:{since}:{limit}", by=by, compute=count)


def count_judged(*, by: Actor, since: datetime | None, until: datetime | None) -> Judged:
    """How many therapies have a published proof, and how many segments cannot have one."""

    def count() -> Judged:
        therapies = _within(_published(by), since, until).order_by().values("therapy").distinct().count()
        return Judged(therapies, _unprovable(by, since, until).count())

    return as_of_last_change(f"judged:{since}", by=by, compute=count)


def _grouped(by: Actor, since: datetime | None, until: datetime | None) -> QuerySet[ComplianceProof, Any]:
    proofs = _within(_published(by), since, until).values("therapy")
    return proofs.annotate(number=Count("id"), last=Max("published_at")).order_by("-last", "therapy")


def _published(by: Actor) -> QuerySet[ComplianceProof]:
    return of_visible(published_proofs(), by)


def _within(
    rows: QuerySet[ComplianceProof], since: datetime | None, until: datetime | None
) -> QuerySet[ComplianceProof]:
    if since is not None:
        rows = rows.filter(published_at__gte=since)
    return rows if until is None else rows.filter(published_at__lt=until)
