"""How manufacturing records open and move a batch. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from custody.protocols import document
from custody.protocols.document import Protocol
from ledger.clock import parse_stamp
from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update

MAKING_KINDS = frozenset({"process"})
BATCH_KINDS = frozenset({"process", "test", "review", "release"})
BATCH_TYPES = frozenset(document.RECORD_TYPES[kind] for kind in BATCH_KINDS)
ENDED = "custody.therapy.ended/v1"


def batch_id(therapy: UUID) -> UUID:
    return derived("batch", therapy)


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type not in BATCH_TYPES and entry.type != ENDED:
        return
    protocol = document.read_cached(world.document(state["protocol"]), state["protocol"])
    done = [step for step in protocol.steps if step.kind in BATCH_KINDS and step.code in state["done"]]
    if not done:
        return
    changing = _changing(state, protocol)
    if len(done) == 1 and entry.type in BATCH_TYPES:
        yield Insert(
            "manufacturing.Batch",
            batch_id(entry.subject),
            {
                "therapy_id": entry.subject,
                "number": f"B-{state['coi'][:13]}",
                "maker_id": entry.party,
                "opened_at": entry.occurred_at,
            }
            | changing,
        )
    else:
        yield Update("manufacturing.Batch", batch_id(entry.subject), changing)


def _changing(state: State, protocol: Protocol) -> dict[str, Any]:
    done = {step.kind: state["done"][step.code] for step in protocol.steps if step.code in state["done"]}
    of_batch = [step.code for step in protocol.steps if step.kind in BATCH_KINDS and step.code in state["done"]]
    release = done.get("release")
    return {
        "status": _status(state, protocol, done),
        "steps_done": len(of_batch),
        "out_of_limits": sum(1 for code in of_batch if not state["done"][code]["ok"]),
        "released_at": parse_stamp(release["at"]) if release else None,
    }


def _status(state: State, protocol: Protocol, done: dict[str, Any]) -> str:
    if "release" in done:
        return "released"
    if state["status"] == "failed":
        return "rejected"
    if "review" in done:
        return "reviewed"
    left = [s for s in protocol.steps if s.kind in MAKING_KINDS and s.code not in state["done"] and not s.optional]
    return "making" if left else "testing"


PROJECTION = Projection(chain_kind="therapy", project=project, models={"manufacturing.Batch": "therapy_id"})
