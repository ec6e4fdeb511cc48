"""How register records become members, their keys and backups, and the keys of the log. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ledger import clock
from ledger.crypto import ed25519
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update
from ledger.parties import key_rules, log_key_rules
from ledger.parties.contract import ENROLLED

FACTS = ("code", "name", "kind", "country", "city", "time_zone", "latitude_e6", "longitude_e6")
ORIGINS = {
    ENROLLED: "enrolled",
    key_rules.KEY_ADDED: "added",
    key_rules.KEY_ROTATED: "rotated",
    key_rules.KEY_REISSUED: "reissued",
}


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type == ENROLLED:
        yield Insert("ledger.Party", entry.subject, {name: entry.body[name] for name in FACTS})
    if entry.type in ORIGINS:
        yield _key(entry, record_id)
    if entry.type == key_rules.KEY_ROTATED:
        yield _ended(entry, record_id, entry.body["replaces"], state)
    elif entry.type == key_rules.KEY_REVOKED:
        yield _ended(entry, record_id, entry.body["public_key"], state)
    elif entry.type == key_rules.BACKED_UP:
        yield Insert(
            "ledger.KeyBackup",
            entry.body["set"],
            {
                "party_id": entry.subject,
                "public_key": entry.body["public_key"],
                "threshold": entry.body["threshold"],
                "custodians": len(entry.body["custodians"]),
                "made_at": entry.recorded_at,
                "rehearsed_at": None,
            },
        )
    elif entry.type == key_rules.REHEARSED:
        yield Update("ledger.KeyBackup", entry.body["set"], {"rehearsed_at": entry.recorded_at})
    elif entry.type == log_key_rules.ANNOUNCED:
        yield Insert(
            "ledger.LogKeyChange",
            entry.body["public_key"],
            {
                "party_id": entry.subject,
                "replaces": entry.body["replaces"],
                "seq": entry.seq,
                "until_at": clock.parse_stamp(entry.body["until"]),
                "announced_by_id": record_id,
                "stopped_by_id": None,
            },
        )
    elif entry.type == log_key_rules.STOPPED:
        yield Update("ledger.LogKeyChange", state["log_key"]["key"], {"stopped_by_id": record_id})


def _key(entry: Entry, record_id: UUID) -> Insert:
    public_key = entry.body["public_key"]
    return Insert(
        "ledger.PartyKey",
        ed25519.keyid(bytes.fromhex(public_key)),
        {
            "party_id": entry.subject,
            "public_key": public_key,
            "algorithm": "ed25519",
            "origin": ORIGINS[entry.type],
            "seq": entry.seq,
            "added_by_id": record_id,
            "valid_from_at": entry.recorded_at,
            "ended_by_id": None,
            "ended_how": "",
            "ended_at": None,
            "doubtful_since": None,
        },
    )


def _ended(entry: Entry, record_id: UUID, key: str, state: State) -> Update:
    line = next(one for one in key_rules.past(state) if one["key"] == key)
    values = {
        "ended_how": line["how"],
        "doubtful_since": clock.parse_stamp(line["since"]) if line["since"] else None,
    }
    if line["seq"] == entry.seq:
        values |= {"ended_by_id": record_id, "ended_at": entry.recorded_at}
    return Update("ledger.PartyKey", ed25519.keyid(bytes.fromhex(key)), values)


PROJECTION = Projection(
    chain_kind="register",
    project=project,
    models={
        "ledger.Party": "id",
        "ledger.PartyKey": "party_id",
        "ledger.KeyBackup": "party_id",
        "ledger.LogKeyChange": "party_id",
    },
)
