"""How a therapy's records become its rows. Pure; `manage.py verify` replays it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.contract import ready_steps
from custody.contract.corrections import CORRECTED
from custody.contract.holds import hold_of
from custody.protocols import document
from custody.protocols.document import RECORD_TYPES, Protocol
from ledger.clock import parse_stamp
from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Replace, Update

ORDERED = RECORD_TYPES["order"]
STEP_TYPES = frozenset(RECORD_TYPES.values())


def step_row_id(therapy: UUID, step: str, count: int) -> UUID:
    """The id of a step's row, known before the record is written, so that sealed values can be bound to it."""
    return derived("step", therapy, step, count)


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    protocol = document.read_cached(world.document(state["protocol"]), state["protocol"])
    therapy = entry.subject
    if entry.type == ORDERED:
        yield Insert("custody.Therapy", therapy, _constant(entry, state, protocol) | _changing(entry, state, protocol))
    else:
        yield Update("custody.Therapy", therapy, _changing(entry, state, protocol))
    if entry.type in STEP_TYPES:
        yield _step_row(entry, record_id, state, protocol)
    if entry.type == CORRECTED and not entry.body["in_limits"]:
        row = step_row_id(therapy, entry.body["step"], entry.body["n"])
        yield Update("custody.StepRecord", row, {"in_limits": False})


def standing(therapy: UUID, state: State, world: World) -> Iterator[Change]:
    """Who takes part, and what may be done now."""
    protocol = document.read_cached(world.document(state["protocol"]), state["protocol"])
    yield Replace(
        "custody.TherapyParty",
        {"therapy_id": therapy},
        tuple(
            Insert(
                "custody.TherapyParty",
                derived("party", therapy, capacity),
                {"therapy_id": therapy, "party_id": UUID(party), "capacity": capacity},
            )
            for capacity, party in state["parties"].items()
        ),
    )
    yield Replace("custody.OpenStep", {"therapy_id": therapy}, tuple(_open_steps(therapy, state, protocol)))


def _constant(entry: Entry, state: State, protocol: Protocol) -> dict[str, Any]:
    return {
        "coi": state["coi"],
        "call_name": state["call_name"],
        "patient_id": UUID(state["patient"]),
        "protocol_digest": protocol.digest,
        "product": protocol.title,
        "centre_id": entry.party,
        "payer_id": UUID(state["parties"]["payer"]),
        "ordered_at": entry.occurred_at,
    }


def _changing(entry: Entry, state: State, protocol: Protocol) -> dict[str, Any]:
    maker = state["parties"].get("maker")
    bed = next((slot for slot in state["slots"].values() if slot["kind"] == "bed"), None)
    return {
        "maker_id": UUID(maker) if maker else None,
        "status": state["status"],
        "ended_reason": state["ended_reason"],
        "stage": stage_of(state, protocol),
        "next_step": next_of(state, protocol),
        "steps_done": len(state["done"]),
        "open_exceptions": len(state["exceptions"]),
        "proof_state": proof_state(state, protocol),
        "collected_at": _collected_at(state, protocol),
        "infusion_planned_at": parse_stamp(bed["start"]) if bed else None,
        "ended_at": parse_stamp(state["ended_at"]) if state["ended_at"] else None,
        "held_since": parse_stamp(hold["since"]) if (hold := hold_of(state)) else None,
        "changed_at": entry.recorded_at,
    }


def stage_of(state: State, protocol: Protocol) -> str:
    """The stage of the first required step still to do; the last stage when nothing is."""
    step = protocol.step(next_of(state, protocol))
    return step.stage if step else protocol.stages[-1][0]


def next_of(state: State, protocol: Protocol) -> str:
    """The first required step still to do; none when nothing is."""
    return next((step.code for step in protocol.steps if step.code not in state["done"] and not step.optional), "")


def proof_state(state: State, protocol: Protocol) -> str:
    """`proven` when every segment is, `not_proven` as soon as one cannot be, else `none` or `partly`."""
    verdicts = [state["proofs"].get(segment.code) for segment in protocol.segments]
    if "not_proven" in verdicts:
        return "not_proven"
    if all(verdict == "proven" for verdict in verdicts):
        return "proven"
    return "partly" if any(verdicts) else "none"


def _collected_at(state: State, protocol: Protocol) -> datetime | None:
    step = protocol.step_of_kind("collection")
    done = state["done"].get(step.code) if step else None
    return parse_stamp(done["at"]) if done else None


def _step_row(entry: Entry, record_id: UUID, state: State, protocol: Protocol) -> Insert:
    step = protocol.step(entry.body["step"])
    assert step is not None, "the contract admits known steps only"
    count = state["done"][step.code]["n"]
    return Insert(
        "custody.StepRecord",
        step_row_id(entry.subject, step.code, count),
        {
            "therapy_id": entry.subject,
            "step": step.code,
            "kind": step.kind,
            "stage": step.stage,
            "number": step.number,
            "record_id": record_id,
            "party_id": entry.party,
            "person": entry.signer.person,
            "second_person": entry.second.person if entry.second else None,
            "started_at": parse_stamp(entry.body["started_at"]),
            "performed_at": entry.occurred_at,
            "in_limits": entry.body["in_limits"],
            "values": dict(entry.body.get("values", {})),
            "leaf": entry.body["leaf"],
        },
    )


def _open_steps(therapy: UUID, state: State, protocol: Protocol) -> Iterator[Insert]:
    for ready in ready_steps(state, protocol):
        yield Insert(
            "custody.OpenStep",
            derived("open", therapy, ready.step.code),
            {
                "therapy_id": therapy,
                "party_id": UUID(ready.party),
                "step": ready.step.code,
                "title": ready.step.title,
                "kind": ready.step.kind,
                "stage": ready.step.stage,
                "roles": f",{','.join(ready.step.roles)},",
                "since": ready.since,
                "due_at": ready.due_at,
                "held": ready.held,
            },
        )


PROJECTION = Projection(
    chain_kind="therapy",
    project=project,
    models={
        "custody.Therapy": "id",
        "custody.TherapyParty": "therapy_id",
        "custody.StepRecord": "therapy_id",
        "custody.OpenStep": "therapy_id",
    },
    standing=standing,
)
