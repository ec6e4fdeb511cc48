"""When a segment is judged: as soon as its last step, and its readings, are on record."""

from __future__ import annotations

from datetime import datetime

from custody.protocols.document import Protocol, Segment
from ledger.log.models import Chain
from ledger.outbox import queries
from ledger.outbox.operations import enqueue

JOB = "prove_segment"


def enqueue_finished(*, chain: Chain, protocol: Protocol, at: datetime) -> None:
    """Put the finished segments that have no verdict into the outbox, in the caller's transaction; once each.

    Which are there already is asked in one query: a therapy whose proofs wait has more of them with every step.
    """
    finished = {
        _key(chain, segment): segment for segment in protocol.segments if _is_finished(segment, chain, protocol)
    }
    for key in finished.keys() - queries.known_keys(finished):
        payload = {"therapy": str(chain.subject), "segment": finished[key].code}
        enqueue(kind=JOB, payload=payload, at=at, key=key, queue="proofs")


def _is_finished(segment: Segment, chain: Chain, protocol: Protocol) -> bool:
    state = chain.state
    if segment.code in state["proofs"] or (segment.leg and segment.leg not in state["readings"]):
        return False
    steps = [step for code in segment.steps if (step := protocol.step(code))]
    return all(step.code in state["done"] or step.optional for step in steps)


def _key(chain: Chain, segment: Segment) -> str:
    return f"{JOB}:{chain.subject}:{segment.code}"
