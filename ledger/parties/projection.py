"""How register records become members and their keys. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ledger.crypto import ed25519
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection
from ledger.parties.contract import ENROLLED

FACTS = ("code", "name", "kind", "country", "city", "time_zone", "latitude_e6", "longitude_e6")


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type == ENROLLED:
        yield Insert("ledger.Party", entry.subject, {name: entry.body[name] for name in FACTS})
    public_key = entry.body["public_key"]
    yield Insert(
        "ledger.PartyKey",
        ed25519.keyid(bytes.fromhex(public_key)),
        {"party_id": entry.subject, "public_key": public_key, "algorithm": "ed25519"},
    )


PROJECTION = Projection(
    chain_kind="register", project=project, models={"ledger.Party": "id", "ledger.PartyKey": "party_id"}
)
