"""Milestones: what a payer pays for, as the protocol document defines it, and the record that reached each one.

Amounts are integer minor units of the protocol's currency. A milestone's amount is its share of the price; what
rounding leaves over falls to the later milestone, so that the amounts always add up to the price.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef

from custody.compliance.queries import PROVEN, published_proofs
from custody.protocols.document import Protocol
from custody.protocols.parts import with_unit
from custody.protocols.queries import every_version
from custody.therapies import disclosure
from custody.therapies.figures import as_of_last_change
from custody.therapies.models import Status, StepRecord, Therapy
from custody.therapies.queries import TherapyLine, line_for, of_visible, protocol_by_digest, visible
from ledger.anchors.queries import OnChain, proven_on_chain
from ledger.log.queries import Standing, signers, standings
from ledger.parties.actor import Actor

DECIDES = "payer_approval"
"""The kind of step by which a payer decides."""


@dataclass(frozen=True, slots=True)
class MilestoneLine:
    """One milestone of one therapy. `reached_at` and `standing` are None until its step, or its proof, is on record.

    `proof` is the title of the segment whose proof it waits for; `on_chain` where the contract verified that proof.
    """

    therapy: TherapyLine
    code: str
    title: str
    share_percent: int
    amount_minor: int
    currency: str
    reached_at: datetime | None
    standing: Standing | None
    proof: str = ""
    on_chain: OnChain | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the payer decided on one therapy: yes or no, when, who signed it, and what was stated with it.

    `stated` are the step's own fields (title, value), such as the payer's reference; empty for who may not see values.
    """

    therapy: TherapyLine
    approved: bool
    decided_at: datetime
    by: str
    stated: tuple[tuple[str, str], ...]
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Account:
    """Sums in minor units of one currency, over therapies that are under way or infused."""

    currency: str
    approved_minor: int
    reached_minor: int
    therapies: int

    @property
    def to_come_minor(self) -> int:
        return self.approved_minor - self.reached_minor


def amounts(protocol: Protocol) -> dict[str, int]:
    """Each milestone's amount in minor units, by code; together they are the share of the price that they name."""
    found, cumulative, before = {}, 0, 0
    for milestone in protocol.milestones:
        cumulative += milestone.share_percent
        until = protocol.price_minor * cumulative // 100
        found[milestone.code], before = until - before, until
    return found


def milestones_of(*, therapy: UUID, by: Actor) -> list[MilestoneLine]:
    """Every milestone of a therapy, in the protocol's order."""
    return _lines(visible(by).filter(pk=therapy), by)


def reached(*, by: Actor, limit: int = 20) -> list[MilestoneLine]:
    """The milestones reached last, of every therapy that this actor may see; a constant number of queries."""
    milestones = [milestone for protocol in every_version() for milestone in protocol.milestones]
    codes = {milestone.step for milestone in milestones if not milestone.proof}
    rows = of_visible(StepRecord.objects.filter(step__in=codes), by).order_by("-performed_at", "id")
    recent = list(rows.values_list("therapy_id", flat=True)[: limit * 2])
    if segments := {milestone.proof for milestone in milestones if milestone.proof}:
        proofs = of_visible(published_proofs().filter(segment__in=segments), by).order_by("-published_at", "id")
        recent += proofs.values_list("therapy_id", flat=True)[: limit * 2]
    lines = [line for line in _lines(Therapy.objects.filter(pk__in=recent), by) if line.reached_at is not None]
    return sorted(lines, key=lambda line: (line.reached_at is not None, line.reached_at), reverse=True)[:limit]


def decisions(*, by: Actor, therapies: Collection[UUID] | None = None, limit: int = 20) -> list[Decision]:
    """What was decided on these therapies, or on all that this actor may see: the last first, at most `limit`.

    A constant number of queries.
    """
    rows = of_visible(StepRecord.objects.filter(kind=DECIDES), by).select_related("therapy")
    if therapies is not None:
        rows = rows.filter(therapy_id__in=therapies)
    found = list(rows.order_by("-performed_at", "id")[:limit])
    records = [row.record_id for row in found]
    names, marks = signers(records), standings(records)
    return [
        Decision(
            therapy=line_for(row.therapy, by),
            approved=row.therapy.status != Status.DECLINED,
            decided_at=row.performed_at,
            by=names.get(row.record_id, ""),
            stated=_stated(row, by),
            standing=marks.get(row.record_id),
        )
        for row in found
    ]


def _stated(row: StepRecord, by: Actor) -> tuple[tuple[str, str], ...]:
    """The public values of a step under the names that its protocol gives them."""
    step = protocol_by_digest(row.therapy.protocol_digest).step(row.step)
    if step is None or not (disclosure.sees_values(by) or row.party_id == by.party):
        return ()
    return tuple(
        (field.title, with_unit(str(row.values[field.code]["value"]), field.unit))
        for field in step.fields
        if field.code in row.values
    )


def accounts(*, by: Actor) -> list[Account]:
    """What was approved and what of it is reached, by currency; added up by the database, once after each change."""
    return as_of_last_change("accounts", by=by, compute=lambda: _accounts(by))


def _accounts(by: Actor) -> list[Account]:
    protocols = {protocol.digest: protocol for protocol in every_version()}
    approvals = {step.code for protocol in protocols.values() if (step := protocol.step_of_kind(DECIDES))}
    milestones = [milestone for protocol in protocols.values() for milestone in protocol.milestones]
    codes = approvals | {milestone.step for milestone in milestones if not milestone.proof}
    segments = {milestone.proof for milestone in milestones if milestone.proof}
    approved = StepRecord.objects.filter(therapy_id=OuterRef("pk"), step__in=approvals)
    covered = visible(by).filter(Exists(approved), status__in=("active", "completed")).order_by()
    sums: dict[str, list[int]] = {}
    for digest, therapies in covered.values_list("protocol_digest").annotate(Count("id")):
        total = sums.setdefault(protocols[digest].currency, [0, 0, 0])
        total[0] += therapies * sum(amounts(protocols[digest]).values())
        total[2] += therapies
    # A step may be done twice; its milestone is paid once.
    done = covered.filter(steps__step__in=codes).values_list("protocol_digest", "steps__step")
    for digest, code, therapies in done.annotate(Count("id", distinct=True)):
        amount = amounts(protocols[digest])
        reached = sum(
            amount[milestone.code]
            for milestone in protocols[digest].milestones
            if milestone.step == code and not milestone.proof
        )
        sums[protocols[digest].currency][1] += therapies * reached
    if not segments:
        return _in_order(sums)
    proven = covered.filter(proofs__segment__in=segments, proofs__verdict=PROVEN)
    by_segment = proven.values_list("protocol_digest", "proofs__segment")
    for digest, segment, therapies in by_segment.annotate(Count("id", distinct=True)):
        amount = amounts(protocols[digest])
        reached = sum(amount[one.code] for one in protocols[digest].milestones if one.proof == segment)
        sums[protocols[digest].currency][1] += therapies * reached
    return _in_order(sums)


def _in_order(sums: dict[str, list[int]]) -> list[Account]:
    return [Account(currency, *parts) for currency, parts in sorted(sums.items())]


def _lines(therapies: Iterable[Therapy], by: Actor) -> list[MilestoneLine]:
    rows = list(therapies)
    milestones = [m for row in rows for m in protocol_by_digest(row.protocol_digest).milestones]
    steps = {m.step for m in milestones if not m.proof}
    held = {
        (record.therapy_id, record.step): (record.performed_at, record.record_id)
        for record in StepRecord.objects.filter(therapy__in=rows, step__in=steps).order_by("performed_at")
    }
    proofs: dict[tuple[UUID, str], tuple[datetime, UUID]] = {}
    if segments := {m.proof for m in milestones if m.proof}:
        found = published_proofs().filter(therapy__in=rows, segment__in=segments)
        proofs = {(one.therapy_id, one.segment): (one.published_at, one.record_id) for one in found}
    marks = standings([record for _, record in (*held.values(), *proofs.values())])
    on_chain = proven_on_chain([record for _, record in proofs.values()])
    lines = []
    for row in rows:
        protocol = protocol_by_digest(row.protocol_digest)
        amount, therapy = amounts(protocol), line_for(row, by)
        for milestone in protocol.milestones:
            known = (proofs if milestone.proof else held).get((row.pk, milestone.proof or milestone.step))
            at, record = known or (None, None)
            lines.append(
                MilestoneLine(
                    therapy=therapy,
                    code=milestone.code,
                    title=milestone.title,
                    share_percent=milestone.share_percent,
                    amount_minor=amount[milestone.code],
                    currency=protocol.currency,
                    reached_at=at,
                    standing=marks.get(record) if record else None,
                    proof=protocol.segment_title(milestone.proof) if milestone.proof else "",
                    on_chain=on_chain.get(record) if record and milestone.proof else None,
                )
            )
    return lines


def prices(*, therapies: Collection[UUID], by: Actor) -> dict[UUID, tuple[int, str]]:
    """The agreed price of these therapies, in minor units and currency; one query."""
    rows = visible(by).filter(pk__in=therapies).values_list("id", "protocol_digest")
    found = {}
    for therapy, digest in rows:
        protocol = protocol_by_digest(digest)
        found[therapy] = (protocol.price_minor, protocol.currency)
    return found
