"""Compliance proofs onto the chain: verified there once a segment, followed until final, and held against the ledger.

A proof is sent when the contract's members voted for its key (`manage.py anchor --key`); without such a vote nothing of
proofs is published. What goes there is what a verifier needs: the proof, the therapy's pseudonym and five hashes. A
turn may run at any time and any number of times: a segment is proven once in the contract, whoever says so again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from ledger.anchors import following, sources
from ledger.anchors.chain import Chain, Sent
from ledger.anchors.following import OPEN, AnchorSettings
from ledger.anchors.models import AnchorCursor, AnchorStatus, ProofSending, ProvenOnChain
from ledger.anchors.rules import ProofEvent
from ledger.anchors.sources import PublishedProof, Source

AT_ONCE = 8
"""How many proofs of this portal may be under way: about 2.3 million gas, well within a block."""


@dataclass(frozen=True, slots=True)
class ProofTurn:
    """What a turn did and found: records whose proofs were sent, records newly proven on the chain, and what the
    contract verified that the ledger does not say."""

    sent: tuple[UUID, ...] = ()
    proven: tuple[UUID, ...] = ()
    foreign: tuple[ProofEvent, ...] = ()


def take_turn(*, chain: Chain, how: AnchorSettings, head: int, at: datetime) -> ProofTurn:
    """Follow what was sent, take in what is final, send what waits.

    Raises ChainAway, ChainUnusable, NotAdmitted; rows say how far it came.
    """
    source = sources.source()
    if source is None:
        return ProofTurn()
    follow(chain=chain, source=source, how=how, head=head, at=at)
    proven, foreign = take_in(chain=chain, source=source, how=how, head=head, at=at)
    return ProofTurn(send_waiting(chain=chain, source=source, at=at), proven, foreign)


def follow(*, chain: Chain, source: Source, how: AnchorSettings, head: int, at: datetime) -> None:
    """Where each proof that was sent is now. That it is proven, the contract's event says, not our receipt."""

    def again(row: ProofSending, before: Sent) -> None:
        proof = source.of_record(row.record_id)
        if proof is not None:
            _send(chain, proof, at, instead_of=before)

    rows = _sendings(chain).filter(status__in=OPEN).order_by("nonce")
    refused = "The contract refused it when its block was made: it was proven already, or its key was voted out."
    following.follow(rows, chain=chain, how=how, head=head, at=at, refused=refused, again=again)


def take_in(
    *, chain: Chain, source: Source, how: AnchorSettings, head: int, at: datetime
) -> tuple[tuple[UUID, ...], tuple[ProofEvent, ...]]:
    """What the contract said of proofs in blocks that became final: records proven, and what is not the ledger's.

    The cursor stands still while something is found that the ledger does not say, so that it is found again.
    """
    final = head - how.confirmations
    name = f"p{chain.chain_id}:{chain.contract}"
    cursor, _ = AnchorCursor.objects.get_or_create(contract=name, defaults={"next_block": 0})
    if final < cursor.next_block:
        return (), ()
    proven: list[UUID] = []
    foreign: list[ProofEvent] = []
    for event in chain.proof_events(cursor.next_block, final):
        therapy = UUID(int=event.therapy) if event.therapy < 2**128 else None
        if therapy is None or not source.knows(therapy):
            continue  # Another consortium's: the contract may serve several logs.
        known = source.of_segment(therapy, event.spec_hash)
        if known is None or known.statement != event.statement:
            foreign.append(event)
        elif event.kind == "Complied" and _keep(chain, known, event, at):
            proven.append(known.record)
    if not foreign:
        with transaction.atomic():
            AnchorCursor.objects.filter(contract=name, next_block__lte=final).update(next_block=final + 1)
    return tuple(proven), tuple(foreign)


def _keep(chain: Chain, proof: PublishedProof, event: ProofEvent, at: datetime) -> bool:
    _, new = ProvenOnChain.objects.get_or_create(
        record_id=proof.record,
        chain_id=chain.chain_id,
        contract=chain.contract,
        defaults={
            "statement": event.statement,
            "transaction": event.transaction,
            "block": event.block,
            "by": event.by,
            "seen_at": at,
        },
    )
    return new


def send_waiting(*, chain: Chain, source: Source, at: datetime) -> tuple[UUID, ...]:
    """Send proofs that are neither on the chain nor under way, the oldest first, where the contract has their keys."""
    room = AT_ONCE - _sendings(chain).filter(status__in=OPEN).count()
    if room <= 0:
        return ()
    keys = {key for key in source.keys_in_use() if chain.knows_key(key)}
    tried = _sendings(chain).exclude(status=AnchorStatus.DROPPED).order_by()
    proven = ProvenOnChain.objects.filter(chain_id=chain.chain_id, contract=chain.contract)
    known = (tried, proven)
    sent = []
    for proof in source.waiting(known=known, keys=keys, limit=room) if keys else ():
        if chain.statement_for(proof.inputs) == proof.statement:
            continue  # Another member was faster; its block will be final.
        _send(chain, proof, at)
        sent.append(proof.record)
    return tuple(sent)


def _sendings(chain: Chain) -> QuerySet[ProofSending]:
    return ProofSending.objects.filter(chain_id=chain.chain_id, contract=chain.contract)


def _send(chain: Chain, proof: PublishedProof, at: datetime, *, instead_of: Sent | None = None) -> None:
    sent = chain.publish(proof.key, proof.proof, proof.inputs, instead_of=instead_of)
    ProofSending.objects.create(
        record_id=proof.record,
        statement=proof.statement,
        chain_id=chain.chain_id,
        contract=chain.contract,
        account=chain.account,
        nonce=sent.nonce,
        transaction=sent.transaction,
        fee_per_gas=sent.fee_per_gas,
        sent_at=at,
    )
