"""The shared rules of a member's keys: added, rotated, revoked, issued anew, backed up, rehearsed. Pure.

A key is judged by its place: the state of a register says with which keys the *next* record may be signed, so a key
that was rotated or revoked signs nothing after that record, whatever date a record claims (DESIGN §3). What was signed
before stays good; where a key may have been in other hands from some day on, `doubt` says so.

Who brings a new key shows that it has the private one: the new key signs its own place (`possession_statement`), so
nobody enters a key of somebody else (RFC 4211 §4 calls this proof of possession).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger import clock
from ledger.crypto import canonical, ed25519
from ledger.crypto.errors import VerificationError
from ledger.log.contract import Refused, State, World
from ledger.log.entries import MAX_CLOCK_SKEW, Entry

KEY_ADDED = "ledger.key.added/v2"
KEY_ROTATED = "ledger.key.rotated/v1"
KEY_REVOKED = "ledger.key.revoked/v1"
KEY_REISSUED = "ledger.key.reissued/v1"
BACKED_UP = "ledger.key.backed_up/v1"
REHEARSED = "ledger.key.backup_rehearsed/v1"

REASONS: Mapping[str, str] = {
    "lost": "lost",
    "superseded": "no longer used",
    "compromised": "known to others",
    "ceased": "the organisation left",
}
"""Why a key is revoked, and how a screen says it."""
WITH_DATE = frozenset({"lost", "compromised"})
"""Reasons that may say since when the key may have been in other hands."""
OPERATORS_REASONS = frozenset({"lost", "compromised", "ceased"})

MAX_KEYS = 16
"""Keys in force at once."""
MAX_PAST = 240
"""Keys that were retired; each stays known, since old records were signed with it."""
MAX_CUSTODIANS = 16

_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


def possession_statement(*, log: str, chain: UUID, seq: int, prev_hash: str, public_key: str) -> bytes:
    """What a new key signs to show that it is there: its own place on a chain, so that it can be replayed nowhere."""
    return canonical.encode(
        {
            "purpose": "needlepoint/key-possession/v1",
            "log": log,
            "chain": str(chain),
            "seq": seq,
            "prev": prev_hash,
            "public_key": public_key,
        }
    )


def admit(state: State, entry: Entry, world: World) -> State:
    """The register's state after a record about its keys. Raises Refused."""
    rule = _RULES.get(entry.type)
    if rule is None:
        raise Refused(f"The shared rules know no record “{entry.type}” of a member.")
    if state["status"] != "enrolled":
        raise Refused("This organisation is not enrolled.")
    return rule(state, entry, world)


def public_key_of(entry: Entry) -> str:
    """The Ed25519 public key of the body; small-order and non-canonical ones are refused (RFC 8032, §5.1.7)."""
    value = _matching(entry, "public_key", _KEY, "32 bytes in hexadecimal")
    try:
        ed25519.check_public_key(bytes.fromhex(value))
    except VerificationError as problem:
        raise Refused(f"The public key cannot be used. {problem}") from problem
    return value


def fresh_key(entry: Entry) -> str:
    """The new key of the body, which has signed its place. Raises Refused."""
    value = public_key_of(entry)
    proof = entry.body.get("possession")
    if not isinstance(proof, str) or not _SIGNATURE.fullmatch(proof):
        raise Refused(
            "The new key has to sign its own entry (“possession”): nobody enters a key that they do not have."
        )
    statement = possession_statement(
        log=entry.log, chain=entry.chain, seq=entry.seq, prev_hash=entry.prev_hash, public_key=value
    )
    try:
        ed25519.verify(bytes.fromhex(value), statement, bytes.fromhex(proof))
    except VerificationError as problem:
        raise Refused(f"The new key did not sign its own entry. {problem}") from problem
    return value


def past(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Keys that no longer sign: `key`, `how` (`rotated` or a reason), `seq` and `at` of that record, `since`."""
    return list(state.get("past", []))


def doubt(state: Mapping[str, Any], keyid: str, recorded_at: datetime) -> datetime | None:
    """Since when the key of a record may have been in other hands, when the record is not older than that.

    This is the one place that decides it; `state` is the newest of the author's register, as far as it is known.
    """
    for one in past(state):
        if one.get("since") and ed25519.keyid(bytes.fromhex(one["key"])) == keyid:
            since = clock.parse_stamp(one["since"])
            return since if recorded_at >= since else None
    return None


def _new(state: State, entry: Entry) -> str:
    key = fresh_key(entry)
    if key in state["keys"] or any(one["key"] == key for one in past(state)):
        raise Refused("The organisation has, or had, this key already. A key comes once.")
    return key


def _own(entry: Entry, sentence: str) -> None:
    if entry.party != entry.subject:
        raise Refused(sentence)


def _added(state: State, entry: Entry, world: World) -> State:
    _own(entry, "An organisation adds its own keys, signed with one that it has.")
    key = _new(state, entry)
    if len(state["keys"]) >= MAX_KEYS:
        raise Refused(f"An organisation has at most {MAX_KEYS} keys.")
    return {**state, "keys": [*state["keys"], key]}


def _rotated(state: State, entry: Entry, world: World) -> State:
    _own(entry, "An organisation rotates its own keys, signed with the one that is replaced.")
    old = _matching(entry, "replaces", _KEY, "32 bytes in hexadecimal")
    if old not in state["keys"]:
        raise Refused("The key that is to be replaced is not one in force.")
    key = _new(state, entry)
    keys = [key if one == old else one for one in state["keys"]]
    return _retired({**state, "keys": keys}, entry, old, "rotated", None)


def _revoked(state: State, entry: Entry, world: World) -> State:
    key = _matching(entry, "public_key", _KEY, "32 bytes in hexadecimal")
    reason = entry.body.get("reason")
    if not isinstance(reason, str) or reason not in REASONS:
        raise Refused(f"The reason is one of {', '.join(REASONS)}.")
    since = _since(entry, reason)
    known = [one for one in past(state) if one["key"] == key]
    if key not in state["keys"] and not (known and known[0]["how"] == "rotated" and reason in WITH_DATE):
        raise Refused("This key is not in force. A key that was rotated can still be called compromised or lost.")
    if entry.party != entry.subject:
        if world.party(entry.party).kind != "operator":
            raise Refused("A key is revoked by its organisation, or by the consortium's operator when it has no other.")
        if state["keys"] != [key] or reason not in OPERATORS_REASONS:
            raise Refused("The operator revokes only a member's last key, as lost, compromised or ceased.")
    elif state["keys"] == [key]:
        raise Refused("This is the last key. Rotate it, or ask the consortium's operator to revoke it.")
    if known:
        changed = [{**one, "how": reason, "since": since} if one["key"] == key else one for one in past(state)]
        return {**state, "past": changed}
    return _retired({**state, "keys": [one for one in state["keys"] if one != key]}, entry, key, reason, since)


def _reissued(state: State, entry: Entry, world: World) -> State:
    if entry.party == entry.subject or world.party(entry.party).kind != "operator":
        raise Refused("Only the consortium's operator gives a member that has no key left a new one.")
    if state["keys"]:
        raise Refused("This member still has a key in force; it rotates or adds keys itself.")
    if past(state)[-1]["how"] == "ceased":
        raise Refused("This member has left the consortium. It comes back under a new code.")
    return {**state, "keys": [_new(state, entry)]}


def _backed_up(state: State, entry: Entry, world: World) -> State:
    _own(entry, "An organisation says itself that its key is backed up.")
    key = public_key_of(entry)
    if key not in state["keys"]:
        raise Refused("A key that is not in force is not backed up.")
    custodians, threshold = entry.body.get("custodians"), entry.body.get("threshold")
    if not isinstance(custodians, list) or not 2 <= len(custodians) <= MAX_CUSTODIANS:
        raise Refused(f"A backup has from 2 to {MAX_CUSTODIANS} custodians.")
    if any(not isinstance(one, str) or not _COMMITMENT.fullmatch(one) for one in custodians):
        raise Refused("A custodian is named by a commitment, never in clear.")
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 2 <= threshold <= len(custodians):
        raise Refused("The threshold is from 2 to the number of custodians.")
    backup = {
        "set": _text(entry, "set", 32), "key": key, "threshold": threshold, "custodians": len(custodians),
        "at": clock.stamp(entry.recorded_at), "rehearsed_at": None,
    }  # fmt: skip
    return {**state, "backup": backup}


def _rehearsed(state: State, entry: Entry, world: World) -> State:
    _own(entry, "An organisation says itself that it rehearsed the recovery of its key.")
    backup = state.get("backup")
    if backup is None or backup["set"] != entry.body.get("set"):
        raise Refused("This is not the set of shares of the latest backup.")
    return {**state, "backup": {**backup, "rehearsed_at": clock.stamp(entry.recorded_at)}}


def _retired(state: State, entry: Entry, key: str, how: str, since: str | None) -> State:
    if len(past(state)) >= MAX_PAST:
        raise Refused(f"An organisation retires at most {MAX_PAST} keys.")
    line = {"key": key, "how": how, "since": since, "seq": entry.seq, "at": clock.stamp(entry.recorded_at)}
    return {**state, "past": [*past(state), line]}


def _since(entry: Entry, reason: Any) -> str | None:
    value = entry.body.get("compromised_at")
    if value is None:
        return None
    if reason not in WITH_DATE:
        raise Refused("Only a key that is lost or compromised has a day since when others may have had it.")
    try:
        since = clock.parse_stamp(value)
    except (VerificationError, ValueError, TypeError, AttributeError):
        raise Refused("“compromised_at” is a time in UTC, such as 2026-03-01T08:00:00Z.") from None
    if since - entry.recorded_at > MAX_CLOCK_SKEW:
        raise Refused("“compromised_at” lies in the future.")
    return clock.stamp(since)


def _text(entry: Entry, name: str, longest: int) -> str:
    value: Any = entry.body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Refused(f"“{name}” must be text of 1 to {longest} characters.")
    return value


def _matching(entry: Entry, name: str, form: re.Pattern[str], wanted: str) -> str:
    value = _text(entry, name, 128)
    if not form.fullmatch(value):
        raise Refused(f"“{name}” must be {wanted}.")
    return value


_RULES = {
    KEY_ADDED: _added,
    KEY_ROTATED: _rotated,
    KEY_REVOKED: _revoked,
    KEY_REISSUED: _reissued,
    BACKED_UP: _backed_up,
    REHEARSED: _rehearsed,
}
