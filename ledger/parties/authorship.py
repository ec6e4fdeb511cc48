"""With which keys a record may be signed, at its place, and what to say when it was signed with another. Pure.

The operation, `verify`, the witness and the bundle's replay all ask here, so that one record is judged in one way.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ledger.crypto import dsse, ed25519
from ledger.crypto.errors import VerificationError
from ledger.log.entries import Entry
from ledger.parties import key_rules
from ledger.parties.contract import ENROLLED

State = Mapping[str, Any]


def public_keys(state: State) -> list[str]:
    """The public keys, in hex, with which a party may sign its next record, as its register's state says."""
    return list(state.get("keys", []))


def keys_by_id(state: State) -> Mapping[str, bytes]:
    """The same as bytes, by key id (DSSE)."""
    return _by_id(tuple(state.get("keys", ())))


@lru_cache(maxsize=4096)
def _by_id(keys: tuple[str, ...]) -> Mapping[str, bytes]:
    # A witness asks for every record, and the keys change once a year.
    return MappingProxyType({ed25519.keyid(key): key for key in map(bytes.fromhex, keys)})


def signing_keys(entry: Entry, register: State | None) -> Mapping[str, bytes]:
    """The keys that this very record may be signed with; `register` is its author's state just before it.

    A rotation is signed by the key that goes; a revocation by any other than the key that is revoked.
    """
    if not register or register.get("status") != "enrolled":
        return _own_key(entry)
    keys = keys_by_id(register)
    if entry.party != entry.subject or entry.chain_kind != "register":
        return keys
    if entry.type == key_rules.KEY_ROTATED:
        return {keyid: key for keyid, key in keys.items() if key.hex() == entry.body.get("replaces")}
    if entry.type == key_rules.KEY_REVOKED:
        return {keyid: key for keyid, key in keys.items() if key.hex() != entry.body.get("public_key")}
    return keys


def verify(envelope: bytes, entry: Entry, register: State | None) -> dsse.Verified:
    """The record's payload, if a key signed it that its author had at this place. Raises VerificationError."""
    keys = signing_keys(entry, register)
    try:
        return dsse.verify(envelope, keys=keys)
    except VerificationError as problem:
        said = _why_not(envelope, entry, register or {}, keys)
        if said:
            raise VerificationError(said) from problem
        raise


def _why_not(envelope: bytes, entry: Entry, register: State, keys: Mapping[str, bytes]) -> str:
    """The words for a record that no key signed which could; empty when one claims to have."""
    claimed = dsse.keyids_of(envelope)
    if any(keyid in keys for keyid in claimed):
        return ""
    for one in key_rules.past(register):
        keyid = ed25519.keyid(bytes.fromhex(one["key"]))
        if keyid in claimed:
            how = "replaced by another" if one["how"] == "rotated" else f"revoked ({key_rules.REASONS[one['how']]})"
            return (
                f"It is signed with the key {keyid}, which was {how} on {one['at']}, before this record came to its "
                "place: a date that it claims does not make it older."
            )
    if any(keyid in keys_by_id(register) for keyid in claimed):
        if entry.type == key_rules.KEY_ROTATED:
            return "A rotation is signed with the key that it replaces, and this one was not."
        return "A key is not revoked by itself: the record has to be signed with another key."
    return "No signature of this envelope is by a known key."


def _own_key(entry: Entry) -> dict[str, bytes]:
    """The key, by key id, of a party that enrols itself: with such a record a log begins. The rules judge it."""
    value = entry.body.get("public_key")
    if entry.type != ENROLLED or entry.subject != entry.party or entry.seq != 0 or not isinstance(value, str):
        return {}
    try:
        key = bytes.fromhex(value)
    except ValueError:
        return {}
    return {ed25519.keyid(key): key}
