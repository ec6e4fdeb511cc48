"""How the records of a disclosure become its row. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from custody.contract import disclosing
from ledger.clock import parse_stamp
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update

MODEL = "custody.Disclosure"


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    standing = {"status": state["status"], "shown": dict(state["shown"]), "package": state["package"]}
    if entry.type in (disclosing.ASKED, disclosing.GIVEN):
        given = entry.type == disclosing.GIVEN
        yield Insert(
            MODEL,
            entry.subject,
            {
                "therapy_id": UUID(state["therapy"]),
                "holder_id": UUID(state["holder"]),
                "receiver_id": UUID(state["receiver"]),
                "fields": list(state["fields"]),
                "purpose": state["purpose"],
                "until": parse_stamp(state["until"]),
                "asked_at": entry.recorded_at,
                "asked_by": entry.signer.person,
                "answered_at": entry.recorded_at if given else None,
                "answered_by": entry.signer.person if given else None,
                "reason": "",
                **standing,
            },
        )
    elif entry.type == disclosing.WITHDRAWN:
        yield Update(MODEL, entry.subject, standing)
    else:
        answer = {"answered_at": entry.recorded_at, "answered_by": entry.signer.person}
        yield Update(MODEL, entry.subject, standing | answer | {"reason": entry.body.get("reason", "")})


PROJECTION = Projection(chain_kind=disclosing.KIND, project=project, models={MODEL: "id"})
