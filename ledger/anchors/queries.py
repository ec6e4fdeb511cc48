"""How far the log is anchored, for every member: it takes no actor, as all of it is public on the chain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from ledger.anchors.models import Anchor, AnchorStatus, ProofSending, ProvenOnChain


@dataclass(frozen=True, slots=True)
class AnchorStanding:
    """The last final anchor and what is under way. `problem` says why the last try came to nothing."""

    chain_id: int
    contract: str
    size: int | None
    transaction: str
    block: int | None
    settled_at: datetime | None
    under_way: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class ProofsStanding:
    """How many compliance proofs the contract verified in final blocks, and how many are under way."""

    proven: int
    under_way: int
    last: ProvenOnChain | None
    problem: str


def proofs_standing() -> ProofsStanding | None:
    """None where no chain is set. Four queries."""
    if not settings.ANCHOR_CONTRACT or settings.CHAIN_ID is None:
        return None
    here = {"chain_id": settings.CHAIN_ID, "contract": settings.ANCHOR_CONTRACT}
    proven, sent = ProvenOnChain.objects.filter(**here), ProofSending.objects.filter(**here)
    newest = sent.order_by("-id").first()
    return ProofsStanding(
        proven=proven.count(),
        under_way=sent.filter(status__in=(AnchorStatus.SENT, AnchorStatus.MINED)).count(),
        last=proven.order_by("-block", "-id").first(),
        problem=newest.problem if newest and newest.status == AnchorStatus.REFUSED else "",
    )


@dataclass(frozen=True, slots=True)
class OnChain:
    """Where the contract verified a record's proof, in a block that is final."""

    record: UUID
    transaction: str
    block: int
    chain_id: int


def proven_on_chain(records: Collection[UUID]) -> dict[UUID, OnChain]:
    """Of these records, those whose proofs the contract verified. One query; none where no chain is set."""
    if not records or not settings.ANCHOR_CONTRACT or settings.CHAIN_ID is None:
        return {}
    rows = ProvenOnChain.objects.filter(
        record_id__in=records, chain_id=settings.CHAIN_ID, contract=settings.ANCHOR_CONTRACT
    )
    return {row.record_id: OnChain(row.record_id, row.transaction, row.block, row.chain_id) for row in rows}


def standing() -> AnchorStanding | None:
    """None where no chain is set. One query."""
    if not settings.ANCHOR_CONTRACT or settings.CHAIN_ID is None:
        return None
    rows = list(
        Anchor.objects.filter(chain_id=settings.CHAIN_ID, contract=settings.ANCHOR_CONTRACT).order_by("-id")[:50]
    )
    final = next((row for row in rows if row.status == AnchorStatus.CONFIRMED), None)
    waiting = next((row for row in rows if row.status in (AnchorStatus.SENT, AnchorStatus.MINED)), None)
    refused = rows[0] if rows and rows[0].status == AnchorStatus.REFUSED else None
    return AnchorStanding(
        chain_id=settings.CHAIN_ID,
        contract=settings.ANCHOR_CONTRACT,
        size=final.size if final else None,
        transaction=final.transaction if final else "",
        block=final.block if final else None,
        settled_at=final.settled_at if final else None,
        under_way=waiting.size if waiting else None,
        problem=refused.problem if refused else "",
    )
