"""The rows that every record leaves: itself, its place in the queue, its printed names and its chain's new head.

PostgreSQL writes them in one call of a function that the database keeps: one statement, planned once a connection,
instead of six that are read and planned each time (ADR 9). SQLite writes the same rows by the same values, one after
the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ledger.log import storing
from ledger.log.models import Chain, PendingRecord, Record, SignedName
from ledger.log.storing import Statement


@dataclass(frozen=True, slots=True)
class KeyHold:
    """A party's key that has to be in force, and to stay so until the transaction ends."""

    key_id: str
    place: tuple[int, int]
    """Whose advisory lock whoever ends a key of this party takes alone."""


@dataclass(frozen=True, slots=True)
class PrintedName:
    """The name under one signature, with the salt that its commitment was made with."""

    person: Any
    name: str
    salt: str


def written(
    record: Record, *, names: Sequence[PrintedName], state: Mapping[str, Any], hold: KeyHold | None = None
) -> list[Statement]:
    """What writes a record's rows; a demanded statement finds nothing when the key was ended meanwhile."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor == "postgresql":
        return [_call(record, names, state, hold, database)]
    asked = Statement(
        "SELECT 1 FROM ledger_partykey WHERE key_id = %s AND ended_by_id IS NULL",
        (hold.key_id if hold else "",),
        demanded=True,
    )
    head = {"head_seq": record.seq, "head_hash": record.entry_hash, "head_log": record.log, "state": state}
    return [
        *([asked] if hold else []),
        storing.insert(record),
        storing.new(PendingRecord, {"record_id": record.id, "log": record.log}),
        *(
            storing.new(
                SignedName,
                {"record_id": record.id, "position": n, "person": one.person, "name": one.name, "salt": one.salt},
            )
            for n, one in enumerate(names, 1)
        ),
        storing.update(Chain, record.chain_id, head),
    ]


_STATE = Chain._meta.get_field("state")


def _call(
    record: Record,
    names: Sequence[PrintedName],
    state: Mapping[str, Any],
    hold: KeyHold | None,
    database: BaseDatabaseWrapper,
) -> Statement:
    values = (
        hold.key_id if hold else "",
        *(hold.place if hold else (0, 0)),
        record.id,
        record.chain_id,
        record.seq,
        record.type,
        record.prev_hash,
        record.envelope,
        record.entry_hash,
        record.leaf_hash,
        record.log,
        record.party_id,
        record.person,
        record.idempotency_key,
        record.occurred_at,
        record.recorded_at,
        *_printed(names),
        _STATE.get_db_prep_save(state, database),
    )
    return Statement(_CALL, values, demanded=True, prepared=True)


def _printed(names: Sequence[PrintedName]) -> tuple[Any, ...]:
    """The values for one signature and, where somebody verified, a second one."""
    first, second = names[0], names[1] if len(names) > 1 else None
    return (
        *(first.person, first.name, first.salt),
        *((second.person, second.name, second.salt) if second else (None, None, None)),
    )


_KINDS = (
    *("text", "integer", "integer"),
    *("uuid", "uuid", "integer", "text", "text", "bytea", "text", "text", "text", "uuid", "uuid", "text"),
    *("timestamptz", "timestamptz"),
    *("uuid", "text", "text"),
    *("uuid", "text", "text"),
    "jsonb",
)
_CALL = f"SELECT 1 WHERE needlepoint_write_record({', '.join(f'%s::{kind}' for kind in _KINDS)})"
"""The function of migration 0017. A change of these tables' columns brings a new function with its migration."""


__all__ = ["KeyHold", "PrintedName", "written"]
