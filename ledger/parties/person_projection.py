"""How records of a person's chain become the keys that screens and the next record ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ledger.crypto import hand_keys
from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update
from ledger.parties import acts


def row_of(subject: UUID, key_id: str) -> UUID:
    """The identifier of a key's row."""
    return derived("person-key", subject, key_id)


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    key = hand_keys.parse(entry.body["key"])
    row = row_of(entry.subject, key.key_id)
    if entry.type == acts.BOUND:
        yield Insert(
            "ledger.PersonKey",
            row,
            {
                "subject": entry.subject,
                "party_id": entry.party,
                "person": entry.signer.person,
                "key_id": key.key_id,
                "key": key.text,
                "kind": key.kind,
                "added_by_id": record_id,
                "valid_from_at": entry.recorded_at,
                "ended_by_id": None,
                "ended_how": "",
                "ended_at": None,
            },
        )
    elif entry.type == acts.REVOKED:
        yield Update(
            "ledger.PersonKey",
            row,
            {"ended_by_id": record_id, "ended_how": entry.body["reason"], "ended_at": entry.recorded_at},
        )


PROJECTION = Projection(chain_kind=acts.KIND, project=project, models={"ledger.PersonKey": "subject"})
