"""How records become devices and commitments. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from custody.telemetry.contract import REGISTERED
from ledger.clock import parse_stamp
from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection

COMMITTED = "custody.readings.committed/v1"


def commitment_id(therapy: UUID, leg: str) -> UUID:
    return derived("readings", therapy, leg)


def project_device(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type != REGISTERED:
        return
    yield Insert(
        "custody.Device",
        entry.subject,
        {
            "place": state["place"],
            "serial": state["serial"],
            "party_id": entry.party,
            "kind": state["kind"],
            "ed25519": state["ed25519"],
            "bjj_x": state["babyjubjub"]["x"],
            "bjj_y": state["babyjubjub"]["y"],
            "registered_at": entry.occurred_at,
        },
    )


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type != COMMITTED:
        return
    body = entry.body
    yield Insert(
        "custody.ReadingsCommitment",
        commitment_id(entry.subject, body["leg"]),
        {
            "therapy_id": entry.subject,
            "leg": body["leg"],
            "root": body["root"],
            "series": body["series"],
            "count": body["count"],
            "device_id": UUID(body["device"]),
            "signature": body["signature"],
            "first_at": parse_stamp(body["first_at"]) if body["first_at"] else None,
            "last_at": parse_stamp(body["last_at"]) if body["last_at"] else None,
            "record_id": record_id,
            "committed_at": entry.recorded_at,
        },
    )


PROJECTION = Projection(chain_kind="therapy", project=project, models={"custody.ReadingsCommitment": "therapy_id"})
DEVICES = Projection(chain_kind="device", project=project_device, models={"custody.Device": "id"})
