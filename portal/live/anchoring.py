"""Anchoring in the background: one turn at a time, in a thread of its own, as a chain may take its time to answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings

from ledger import clock
from ledger.anchors import operations
from ledger.anchors.errors import AnchorError
from ledger.anchors.rules import Mismatch, ProofEvent
from ledger.crypto import canonical
from ledger.divergence import watch
from ledger.log import tiles

log = structlog.get_logger(__name__)

SECONDS = 15.0


def turn() -> None:
    """Follow, compare and anchor. What does not work is logged, and tried again at the next turn."""
    at = clock.now()
    try:
        done = operations.take_turn(chain=operations.chain_of_settings(), how=operations.how_of_settings(), at=at)
    except AnchorError as problem:
        log.warning("anchors.not_done", error=str(problem))
        return
    if done.sent is not None:
        log.info("anchors.sent", size=done.sent)
    for size in done.confirmed:
        log.info("anchors.confirmed", size=size)
    for record in done.proofs.sent:
        log.info("anchors.proof_sent", record=str(record))
    for record in done.proofs.proven:
        log.info("anchors.proof_proven", record=str(record))
    for event in done.proofs.foreign:
        log.error("anchors.foreign_proof", statement=event.statement, block=event.block, by=event.by)
        report_proof(event, at=at)
    for one in done.mismatches:
        log.error("anchors.mismatch", size=one.event.size, block=one.event.block, by=one.event.by)
        report(one, at=at)


def report(found: Mismatch, *, at: datetime) -> None:
    """Tell every member that the chain contradicts the log."""
    event = found.event
    facts = {
        "chain": settings.CHAIN_ID,
        "contract": settings.ANCHOR_CONTRACT,
        "block": event.block,
        "transaction": event.transaction,
        "by": event.by,
        "event": event.kind,
        "size": event.size,
        "root": event.root.hex(),
        "stands": event.stands.hex(),
        "log_root": found.ours.hex() if found.ours else None,
    }
    watch.report(
        kind="anchor_mismatch",
        problem=found.sentence,
        size=event.size,
        evidence={"anchor.json": canonical.encode(facts)},
        at=at,
    )


def report_proof(event: ProofEvent, *, at: datetime) -> None:
    """Tell every member that the chain verified a proof which the ledger does not have."""
    facts = {
        "chain": settings.CHAIN_ID,
        "contract": settings.ANCHOR_CONTRACT,
        "block": event.block,
        "transaction": event.transaction,
        "by": event.by,
        "event": event.kind,
        "statement": event.statement,
        "therapy": str(UUID(int=event.therapy)),
        "spec_hash": str(event.spec_hash),
    }
    newest = tiles.latest_checkpoint()
    watch.report(
        kind="anchor_mismatch",
        problem=event.sentence,
        size=newest.size if newest else 0,
        evidence={"anchor.json": canonical.encode(facts)},
        at=at,
    )
