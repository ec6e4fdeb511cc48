"""The shared rules of the log's own key: a successor is announced in the log, and the old one stops later. Pure.

Both are records of the operator's register, so whoever follows the log under the old key learns the new one from it
and from nowhere else. Between the two records every checkpoint carries both signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ledger import clock
from ledger.crypto.errors import VerificationError
from ledger.ids import derived
from ledger.log.contract import Refused, State
from ledger.log.entries import Entry
from ledger.parties import key_rules

ANNOUNCED = "ledger.log_key.announced/v1"
STOPPED = "ledger.log_key.stopped/v1"
TYPES = frozenset({ANNOUNCED, STOPPED})
LONGEST_OVERLAP = timedelta(days=366)


def admit(state: State, entry: Entry) -> State:
    """The register's state after a record about the log's key. Raises Refused."""
    if entry.subject != derived("operator", entry.log) or entry.party != entry.subject:
        raise Refused("The log's key is changed by the operator of this log, on its own register.")
    if state["status"] != "enrolled":
        raise Refused("The operator of this log is not enrolled yet.")
    return _announced(state, entry) if entry.type == ANNOUNCED else _stopped(state, entry)


def successor(entry: Entry) -> tuple[bytes, bytes] | None:
    """The log's old and new key as an admitted announcement says; None for any other record."""
    if entry.type != ANNOUNCED:
        return None
    return bytes.fromhex(entry.body["replaces"]), bytes.fromhex(entry.body["public_key"])


def stopped(entry: Entry) -> bytes | None:
    """The key of the log that an admitted record takes out of force; None for any other record."""
    return bytes.fromhex(entry.body["public_key"]) if entry.type == STOPPED else None


def _announced(state: State, entry: Entry) -> State:
    known: Mapping[str, Any] = state.get("log_key", {})
    if known.get("new"):
        raise Refused("The log's key is being changed already. Let the old one stop first.")
    old = entry.body.get("replaces")
    if known and old != known["key"]:
        raise Refused("The key that is to be replaced is not the log's key.")
    if not isinstance(old, str) or len(old) != 64:
        raise Refused("“replaces” must be 32 bytes in hexadecimal.")
    new = key_rules.fresh_key(entry)
    if new == old or new in state.get("log_keys_past", []):
        raise Refused("The log has, or had, this key already. A key comes once.")
    until = _until(entry)
    return {**state, "log_key": {"key": old, "new": new, "until": until}}


def _stopped(state: State, entry: Entry) -> State:
    known: Mapping[str, Any] = state.get("log_key", {})
    if not known.get("new") or entry.body.get("public_key") != known["key"]:
        raise Refused("The log's old key stops after its successor was announced, and no other key does.")
    if entry.recorded_at < clock.parse_stamp(known["until"]):
        raise Refused(f"Both keys sign until {known['until']}. The old one can stop then.")
    gone = [*state.get("log_keys_past", []), known["key"]]
    return {**state, "log_key": {"key": known["new"], "new": None, "until": None}, "log_keys_past": gone}


def _until(entry: Entry) -> str:
    try:
        until = clock.parse_stamp(entry.body["until"])
    except (KeyError, VerificationError, ValueError, TypeError, AttributeError):
        raise Refused("“until” is a time in UTC, such as 2026-03-01T08:00:00Z.") from None
    if not entry.recorded_at <= until <= entry.recorded_at + LONGEST_OVERLAP:
        raise Refused("Both keys sign for a period of at most a year from now on.")
    return clock.stamp(until)
