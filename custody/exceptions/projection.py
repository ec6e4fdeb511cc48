"""How records open, move and close exceptions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from custody.contract.closing import CLOSED_WITH_REASON, CLOSINGS, HALT, HALTED
from custody.contract.exceptions import RANKS, oos_exceptions
from custody.protocols import document
from ledger.clock import parse_stamp
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update

OOS_PREFIX = "custody.oos."
STOPPED = "custody.identity.stopped/v1"
OPENING = frozenset({"custody.exception.opened/v1", STOPPED, HALTED})
"""Records that open an exception."""


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    body = entry.body
    if entry.type in OPENING:
        kind = {STOPPED: "identity_stop", HALTED: HALT}.get(entry.type) or body["kind"]
        yield Insert(
            "custody.CustodyException",
            UUID(body["id"]),
            {
                "therapy_id": entry.subject,
                "kind": kind,
                "rank": RANKS[kind],
                "finding": _finding(entry, state, world),
                "step": body.get("step", ""),
                "leg": body.get("leg", ""),
                "party_id": entry.party,
                "record_id": record_id,
                "opened_at": entry.occurred_at,
                "due_at": parse_stamp(body["due_at"]) if body.get("due_at") else None,
                "expected_at": _told(state, body["id"], "expected_at"),
                "planned_at": _told(state, body["id"], "planned_at"),
                "closed_at": None,
                "resolution": "",
                "cause": "",
                "why": "",
                "oos_stage": state["oos"]["stage"] if kind == "out_of_specification" else "",
            },
        )
        if kind == "out_of_specification":
            # A further finding may lead the whole path back to the evaluation.
            for identifier in oos_exceptions(state):
                yield Update("custody.CustodyException", UUID(identifier), {"oos_stage": state["oos"]["stage"]})
    elif entry.type in CLOSINGS:
        yield Update(
            "custody.CustodyException",
            UUID(body["id"]),
            {
                "closed_at": entry.occurred_at,
                "resolution": body["resolution"],
                "cause": body["cause"],
                "why": body["why"] if entry.type == CLOSED_WITH_REASON else "",
            },
        )
    elif entry.type.startswith(OOS_PREFIX) and state["oos"]:
        changes: dict[str, object] = {"oos_stage": state["oos"]["stage"]}
        if body.get("due_at"):
            changes["due_at"] = parse_stamp(body["due_at"])
        if state["oos"]["stage"] == "informed":
            changes |= {"closed_at": entry.occurred_at, "resolution": "informed", "cause": "supplied_on_request"}
        for identifier in oos_exceptions(state):
            yield Update("custody.CustodyException", UUID(identifier), changes)


def _told(state: State, identifier: str, name: str) -> datetime | None:
    """What a report from the road says of the arrival; the contract has read it."""
    text = state["exceptions"][identifier].get(name)
    return parse_stamp(text) if text else None


def _finding(entry: Entry, state: State, world: World) -> str:
    if entry.type == STOPPED:
        return _stopped(entry.body["kind"])
    return _halted(entry, state, world) if entry.type == HALTED else str(entry.body["finding"])


def _halted(entry: Entry, state: State, world: World) -> str:
    """Each question and what was answered: a question that halts is never sensitive."""
    protocol = document.read_cached(world.document(state["protocol"]), state["protocol"])
    step = protocol.step(entry.body["step"])
    assert step is not None, "the contract admits known steps only"
    answers = entry.body["answers"]
    return "; ".join(f"{field.title}: {answers[field.code]}" for field in step.fields if field.code in answers)[:240]


def _stopped(scanned: str) -> str:
    return f"A {scan_word(scanned)} of another therapy was scanned"


def scan_word(kind: str) -> str:
    """What was scanned, as a word of the finding."""
    return kind if kind in {"wristband", "order", "label", "bag", "cassette", "shipper", "seal"} else "code"


PROJECTION = Projection(chain_kind="therapy", project=project, models={"custody.CustodyException": "therapy_id"})
