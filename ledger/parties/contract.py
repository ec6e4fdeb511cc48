"""The shared rules of the register: who becomes a member; `key_rules` and `log_key_rules` say with which keys. Pure.

One chain a party. The consortium's operator enrols itself first; its identifier follows from the log's name, so that a
log has one operator and nobody else can begin with themselves. Every other member is enrolled by an operator, under an
identifier that follows from its code, so that no code is ever given twice.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry
from ledger.parties import key_rules, log_key_rules

ENROLLED = "ledger.party.enrolled/v1"

KINDS = frozenset({"treatment_centre", "manufacturer", "courier", "payer", "regulator", "operator"})

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,15}")
_FACILITY_CODE = re.compile(r"[A-Z0-9]{5}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TIME_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


def operator_of(log: str) -> UUID:
    """The identifier of the party that runs the log of this name."""
    return derived("operator", log)


def party_of(log: str, code: str) -> UUID:
    """The identifier of the member with this code."""
    return derived("party", log, code)


class RegisterContract:
    """A party is enrolled once; then its keys come and go."""

    chain_kind = "register"

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type == ENROLLED:
            return _enrolled(state, entry, world)
        if entry.type in log_key_rules.TYPES:
            return log_key_rules.admit(state, entry)
        return key_rules.admit(state, entry, world)


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
    return {"status": "enrolled", "code": code, "kind": kind, "keys": [key_rules.public_key_of(entry)]}


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
