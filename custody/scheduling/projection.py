"""How a therapy's records become its bookings. Pure; `manage.py verify` replays it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ledger.clock import parse_stamp
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Replace, Update

BOOKED = frozenset({"custody.itinerary.booked/v1", "custody.itinerary.moved/v1"})
GIVEN_UP = frozenset({"cancelled", "failed", "declined"})
"""Statuses in which a therapy needs its places no longer."""


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    therapy = entry.subject
    if entry.type in BOOKED:
        yield Replace(
            "custody.Booking",
            {"therapy_id": therapy},
            tuple(
                Insert(
                    "custody.Booking",
                    UUID(booking["id"]),
                    {
                        "slot_id": UUID(booking["slot"]),
                        "therapy_id": therapy,
                        "code": booking["code"],
                        "party_id": UUID(booking["party"]),
                        "starts_at": parse_stamp(booking["start"]),
                        "ends_at": parse_stamp(booking["end"]),
                        "booked_at": entry.occurred_at,
                        "released_at": None,
                    },
                )
                for booking in entry.body["bookings"]
            ),
        )
    elif state["status"] in GIVEN_UP:
        # Whatever ended the therapy (its centre, its payer, refused material), places still to come are free again;
        # a later record of an ended therapy writes the same value once more.
        ended_at = parse_stamp(state["ended_at"])
        for slot in state["slots"].values():
            if parse_stamp(slot["start"]) > ended_at:
                yield Update("custody.Booking", UUID(slot["id"]), {"released_at": ended_at})


PROJECTION = Projection(chain_kind="therapy", project=project, models={"custody.Booking": "therapy_id"})
