"""The shared rules of the register: who becomes a member, and with which keys. Pure.

One chain a party. The consortium's operator enrols itself first; its identifier follows from the log's name, so that a
log has one operator and nobody else can begin with themselves. Every other member is enrolled by an operator, under an
identifier that follows from its code, so that no code is ever given twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ledger.crypto import ed25519
from ledger.crypto.errors import VerificationError
from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry

ENROLLED = "ledger.party.enrolled/v1"
KEY_ADDED = "ledger.key.added/v1"

KINDS = frozenset({"treatment_centre", "manufacturer", "courier", "payer", "regulator", "operator"})
MAX_KEYS = 16
"""Keys that a party may have had; each stays known, since old records were signed with it."""

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,15}")
_FACILITY_CODE = re.compile(r"[A-Z0-9]{5}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TIME_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
_KEY = re.compile(r"[0-9a-f]{64}")


def operator_of(log: str) -> UUID:
    """The identifier of the party that runs the log of this name."""
    return derived("operator", log)


def party_of(log: str, code: str) -> UUID:
    """The identifier of the member with this code."""
    return derived("party", log, code)


def public_keys(state: Mapping[str, Any]) -> list[str]:
    """The public keys, in hex, with which a party may sign its next record, as its register's state says."""
    return list(state.get("keys", []))


def keys_by_id(state: Mapping[str, Any]) -> dict[str, bytes]:
    """The same as bytes, by key id (DSSE)."""
    found = [bytes.fromhex(key) for key in public_keys(state)]
    return {ed25519.keyid(key): key for key in found}


def own_key(entry: Entry) -> dict[str, bytes]:
    """The key, by key id, of a party that enrols itself: with such a record a log begins. The rules judge it."""
    value = entry.body.get("public_key")
    if entry.type != ENROLLED or entry.subject != entry.party or entry.seq != 0 or not isinstance(value, str):
        return {}
    try:
        key = bytes.fromhex(value)
    except ValueError:
        return {}
    return {ed25519.keyid(key): key}


class RegisterContract:
    """A party is enrolled once; then it adds keys of its own."""

    chain_kind = "register"

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type == ENROLLED:
            return _enrolled(state, entry, world)
        if entry.type == KEY_ADDED:
            return _key_added(state, entry)
        raise Refused(f"The shared rules know no record “{entry.type}” of a member.")


def _enrolled(state: State, entry: Entry, world: World) -> State:
    if state["status"] != "none":
        raise Refused("This organisation is already enrolled.")
    code, kind = entry.body.get("code"), entry.body.get("kind")
    if kind not in KINDS:
        raise Refused("The kind of the organisation is not known.")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Refused("A member's code has 2 to 16 capital letters, digits or hyphens.")
    if kind == "treatment_centre" and not _FACILITY_CODE.fullmatch(code):
        raise Refused("A treatment centre's code is its facility code: 5 capital letters or digits (ISBT 128).")
    if entry.party == entry.subject:
        if kind != "operator" or entry.subject != operator_of(entry.log):
            raise Refused("Only the operator of this log enrols itself; members are enrolled by it.")
    else:
        if world.party(entry.party).kind != "operator":
            raise Refused("Only the consortium's operator enrols members.")
        if entry.subject != party_of(entry.log, code):
            raise Refused("The member's identifier does not follow from its code.")
    _text(entry, "name", 120)
    _text(entry, "city", 80)
    _matching(entry, "country", _COUNTRY, "two capital letters (ISO 3166-1)")
    _matching(entry, "time_zone", _TIME_ZONE, "a name such as Europe/Berlin")
    _degrees(entry, "latitude_e6", 90)
    _degrees(entry, "longitude_e6", 180)
    return {"status": "enrolled", "code": code, "kind": kind, "keys": [_key(entry)]}


def _key_added(state: State, entry: Entry) -> State:
    if state["status"] != "enrolled":
        raise Refused("This organisation is not enrolled.")
    if entry.party != entry.subject:
        raise Refused("An organisation adds its own keys, signed with one that it has.")
    key = _key(entry)
    if key in state["keys"]:
        raise Refused("The organisation already has this key.")
    if len(state["keys"]) >= MAX_KEYS:
        raise Refused(f"An organisation has at most {MAX_KEYS} keys.")
    return {**state, "keys": [*state["keys"], key]}


def _key(entry: Entry) -> str:
    """The Ed25519 public key of the body; small-order and non-canonical ones are refused (RFC 8032, §5.1.7)."""
    value = _matching(entry, "public_key", _KEY, "32 bytes in hexadecimal")
    try:
        ed25519.check_public_key(bytes.fromhex(value))
    except VerificationError as problem:
        raise Refused(f"The public key cannot be used. {problem}") from problem
    return value


def _text(entry: Entry, name: str, longest: int) -> str:
    value: Any = entry.body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Refused(f"“{name}” must be text of 1 to {longest} characters.")
    return value


def _matching(entry: Entry, name: str, form: re.Pattern[str], wanted: str) -> str:
    value = _text(entry, name, 64)
    if not form.fullmatch(value):
        raise Refused(f"“{name}” must be {wanted}.")
    return value


def _degrees(entry: Entry, name: str, most: int) -> None:
    value: Any = entry.body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > most * 1_000_000:
        raise Refused(f"“{name}” must be a whole number of millionths of a degree, at most ±{most} degrees.")
