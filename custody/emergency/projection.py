"""How the records of an emergency access become its row. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from custody.contract import emergency
from ledger.clock import parse_stamp
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update

MODEL = "custody.EmergencyAccess"


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type == emergency.ENDED:
        yield Update(MODEL, entry.subject, {"ended_at": entry.recorded_at, "ended_how": entry.body["how"]})
        return
    yield Insert(
        MODEL,
        entry.subject,
        {
            "therapy_id": UUID(state["therapy"]),
            "patient_id": UUID(state["patient"]),
            "holder_id": UUID(state["holder"]),
            "party_id": entry.party,
            "person": entry.signer.person,
            "role": entry.signer.role,
            "reason": entry.body["reason"],
            "opened_at": entry.recorded_at,
            "until": parse_stamp(state["until"]),
            "ended_at": None,
            "ended_how": "",
        },
    )


PROJECTION = Projection(chain_kind=emergency.KIND, project=project, models={MODEL: "id"})
