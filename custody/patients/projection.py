"""How the records of a patient's chain become rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from custody.contract import erasure, rights
from ledger.clock import parse_stamp
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update

MODEL = "custody.PatientErasure"
ACTS = "custody.PatientAct"
KINDS = {rights.CORRECTED: "corrected", rights.RESTRICTED: "restricted", rights.COPIED: "copied"}


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    of = _act if entry.type in rights.CLAUSES else _erasure
    yield from of(entry, record_id)


def _act(entry: Entry, record_id: UUID) -> Iterator[Change]:
    body = entry.body
    if entry.type == rights.LIFTED:
        ended = {"ended_at": entry.recorded_at, "ended_by": entry.signer.person}
        yield Update(ACTS, UUID(body["restriction"]), ended)
        return
    now, was = body.get("identity", {}), body.get("was", {})
    yield Insert(
        ACTS,
        UUID(body["restriction"]) if entry.type == rights.RESTRICTED else record_id,
        {
            "subject": entry.subject,
            "patient_id": UUID(body["patient"]),
            "holder_id": entry.party,
            "kind": KINDS[entry.type],
            "reason": body.get("reason") or body.get("ground") or "",
            "changes": {name: {"was": was[name], "is": now[name]} for name in sorted(now)},
            "at": entry.recorded_at,
            "by": entry.signer.person,
            "ended_at": None,
            "ended_by": None,
        },
    )


def _erasure(entry: Entry, record_id: UUID) -> Iterator[Change]:
    body, key = entry.body, UUID(entry.body["request"])
    done = {"status": "done", "done_at": entry.recorded_at, "done_by": entry.signer.person}
    if entry.type == erasure.WITHDRAWN:
        yield Update(MODEL, key, {"status": "withdrawn", "done_at": entry.recorded_at, "done_by": entry.signer.person})
    elif entry.type == erasure.DONE and body["reason"] != erasure.EXPIRED:
        yield Update(MODEL, key, done)
    else:
        expired = entry.type == erasure.DONE
        asked = {
            "status": "asked",
            "asked_at": None if expired else entry.recorded_at,
            "asked_by": None if expired else entry.signer.person,
            "done_at": None,
            "done_by": None,
        }
        yield Insert(
            MODEL,
            key,
            {
                "subject": entry.subject,
                "patient_id": UUID(body["patient"]),
                "holder_id": entry.party,
                "scope": body["scope"],
                "reason": body["reason"],
                "kept_until": parse_stamp(body["kept_until"]) if body["kept_until"] else None,
                "record_id": record_id,
                **(asked | done if expired else asked),
            },
        )


PROJECTION = Projection(chain_kind=erasure.KIND, project=project, models={MODEL: "subject", ACTS: "subject"})
