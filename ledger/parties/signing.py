"""Which of its keys a party signs with now, held fast while a record is written.

The key is kept for the life of the process and asked about in the same message that writes the record: nothing is read
beforehand. Whoever ends a key waits for those who are writing with it, so that their records come before its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from ledger.crypto.ed25519 import Signer
from ledger.errors import Conflict
from ledger.log.record_rows import KeyHold
from ledger.parties.keystore import KeyNotFound, keystore
from ledger.parties.models import PartyKey

_LOCK = 0x6B657973
_kept: dict[UUID, PartySigner] = {}


class KeyNotHeld(Conflict):
    """No key of this party that is in force is here."""


class KeyEnded(Conflict):
    """The key with which a record was signed was ended meanwhile."""


@dataclass(frozen=True, slots=True)
class PartySigner:
    """A key in force and what signs with it."""

    key_id: str
    public_key: str
    name: str
    signer: Signer


def name_of(party: UUID, seq: int) -> str:
    """Under which name the keystore has the key that came with record `seq` of the party's register."""
    return f"party-{party}" if seq == 0 else f"party-{party}:{seq}"


def signer_for(party: UUID) -> PartySigner:
    """With what the party signs now: its newest key that is held here, a spare one last. Raises KeyNotHeld."""
    found = _kept.get(party)
    if found is None:
        found = _chosen(party)
        if found.key_id:
            _kept[party] = found
    return found


def another_signer(party: UUID, *, than: str) -> PartySigner:
    """A key of the party that is held here, other than the one with this public key. Raises KeyNotHeld."""
    for found in _held(_in_force(party)):
        if found.public_key != than:
            return found
    raise KeyNotHeld(
        "No other key of your organisation is held here, and a key is not revoked by itself. Rotate it instead, or ask "
        "the consortium's operator to revoke it."
    )


def holding(party: UUID, chosen: PartySigner) -> KeyHold | None:
    """What holds the key in force until the transaction ends; none for a record that brings its key itself."""
    return KeyHold(chosen.key_id, _place(party)) if chosen.key_id else None


def end_keys_of(party: UUID) -> None:
    """Wait until nobody is writing with a key of this party, and let nobody begin, until the transaction ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _place(party))
    transaction.on_commit(lambda: forget(party))


def forget(party: UUID | None = None) -> None:
    """Look anew which key signs."""
    if party is None:
        _kept.clear()
    else:
        _kept.pop(party, None)


def _chosen(party: UUID) -> PartySigner:
    rows = list(PartyKey.objects.filter(party_id=party))
    if not rows:
        # Who begins the log enrols itself: the record brings the key that signs it.
        name = name_of(party, 0)
        return PartySigner("", "", name, keystore().signer(name))
    for found in _held(row for row in rows if row.ended_by_id is None):
        return found
    raise KeyNotHeld(
        "No signing key of your organisation that is in force is held here. Recover it from its custodians "
        "(manage.py recover_key), or ask the consortium's operator for a new one."
    )


def _in_force(party: UUID) -> list[PartyKey]:
    return list(PartyKey.objects.filter(party_id=party, ended_by=None))


def _held(rows: Iterable[PartyKey]) -> Iterable[PartySigner]:
    for row in sorted(rows, key=lambda row: (row.origin == "added", -row.seq)):
        name = name_of(row.party_id, row.seq)
        try:
            signer = keystore().signer(name)
        except KeyNotFound:
            continue
        if signer.public_key.hex() == row.public_key:
            yield PartySigner(row.key_id, row.public_key, name, signer)


def _place(party: UUID) -> tuple[int, int]:
    return _LOCK, int.from_bytes(party.bytes[-4:], signed=True)
