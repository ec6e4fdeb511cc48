"""When a segment is judged: as soon as its last step, and its readings, are on record."""

from __future__ import annotations

from datetime import datetime

from custody.protocols.document import Protocol
from ledger.log.models import Chain
from ledger.outbox.operations import enqueue

JOB = "prove_segment"


def enqueue_finished(*, chain: Chain, protocol: Protocol, at: datetime) -> None:
    """Put the finished segments that have no verdict into the outbox, in the caller's transaction; once each."""
    state = chain.state
    for segment in protocol.segments:
        if segment.code in state["proofs"]:
            continue
        steps = [step for code in segment.steps if (step := protocol.step(code))]
        if any(step.code not in state["done"] and not step.optional for step in steps):
            continue
        if segment.leg and segment.leg not in state["readings"]:
            continue
        enqueue(
            kind=JOB,
            payload={"therapy": str(chain.subject), "segment": segment.code},
            at=at,
            key=f"{JOB}:{chain.subject}:{segment.code}",
            queue="proofs",
        )
