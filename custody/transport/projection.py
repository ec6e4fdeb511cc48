"""How transport records become shipments and hand-overs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from custody.protocols import document
from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update

PACKED = "custody.shipment.packed/v1"
OFFERED = frozenset({"custody.handoff.offered/v1", "custody.transfer.offered/v1"})
ACCEPTED = frozenset({"custody.handoff.accepted/v1", "custody.transfer.accepted/v1"})
REFUSED = "custody.handoff.refused/v1"


def shipment_id(therapy: UUID, leg: str) -> UUID:
    return derived("shipment", therapy, leg)


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    body = entry.body
    if entry.type == PACKED:
        leg = state["custody"]["leg"]
        yield Insert(
            "custody.Shipment",
            shipment_id(entry.subject, leg),
            {
                "therapy_id": entry.subject,
                "leg": leg,
                "logger_id": UUID(body["logger"]),
                "container": body["container"],
                "seal": body["seal"],
                "packed_at": entry.occurred_at,
                "received_at": None,
            },
        )
    elif entry.type in OFFERED:
        yield Insert(
            "custody.Handoff",
            UUID(body["handoff"]),
            {
                "therapy_id": entry.subject,
                "leg": state["custody"]["leg"],
                "giver_id": entry.party,
                "receiver_id": UUID(body["to"]),
                "status": "offered",
                "seal": body["seal"],
                "offered_at": entry.occurred_at,
                "offered_by": entry.signer.person,
                "settled_at": None,
                "settled_by": None,
            },
        )
    elif entry.type in ACCEPTED or entry.type == REFUSED:
        yield Update(
            "custody.Handoff",
            UUID(body["handoff"]),
            {
                "status": "refused" if entry.type == REFUSED else "accepted",
                "settled_at": entry.occurred_at,
                "settled_by": entry.signer.person,
            },
        )
        if entry.type == "custody.handoff.accepted/v1" and state["custody"]["leg"] is None:
            protocol = document.read_cached(world.document(state["protocol"]), state["protocol"])
            step = protocol.step(body["step"])
            if step is not None and step.leg:
                yield Update(
                    "custody.Shipment", shipment_id(entry.subject, step.leg), {"received_at": entry.occurred_at}
                )


PROJECTION = Projection(
    chain_kind="therapy",
    project=project,
    models={"custody.Shipment": "therapy_id", "custody.Handoff": "therapy_id"},
)
