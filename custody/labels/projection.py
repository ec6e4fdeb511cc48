"""How print records become labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection

PRINTED = frozenset({"custody.label.printed/v1", "custody.label.reprinted/v1"})


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type in PRINTED:
        yield Insert(
            "custody.Label",
            derived("label", entry.subject, state["labels"]),
            {
                "therapy_id": entry.subject,
                "serial": state["labels"],
                "reason": entry.body.get("reason", ""),
                "copies": entry.body.get("copies"),
                "printed_at": entry.occurred_at,
                "printed_by": entry.signer.person,
                "party_id": entry.party,
            },
        )


PROJECTION = Projection(chain_kind="therapy", project=project, models={"custody.Label": "therapy_id"})
