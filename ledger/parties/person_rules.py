"""The shared rules of a person's signing keys: bound, revoked. Pure.

One chain for each person at each party, written by that party. The first key signs its own binding; a further one is
signed for with a key in force, so that nobody who finds a session open adds a key to it. A key is judged by its place,
like a party's (ADR 8): what it signed before its end stays good.
"""

from __future__ import annotations

from typing import Any

from ledger import clock
from ledger.crypto import hand_keys
from ledger.crypto.errors import VerificationError
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry
from ledger.parties import acts

MAX_KEYS = 8
MAX_PAST = 64
REASONS = {"lost": "lost", "replaced": "no longer used", "compromised": "known to others", "left": "the person left"}
"""Why a key ends, and how a screen says it."""


class PersonContract:
    """Which keys a person signs with for a party."""

    chain_kind = acts.KIND

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.second is not None:
            raise Refused("A person's keys take one signature.")
        if entry.type == acts.BOUND:
            return _bound(state, entry, world)
        if entry.type == acts.REVOKED:
            return _revoked(state, entry)
        raise Refused(f"The shared rules know no record “{entry.type}” of a person.")


def _bound(state: State, entry: Entry, world: World) -> State:
    world.party(entry.party)
    if entry.subject != acts.subject_of(entry.party, entry.signer.person) or not entry.signer.person.int:
        raise Refused("Everybody binds their own key, for their own organisation.")
    key = _key(entry)
    held = list(state.get("keys", []))
    if key.text in held or any(one["key"] == key.text for one in state.get("past", [])):
        raise Refused("This key was bound before. A key comes once.")
    if len(held) >= MAX_KEYS:
        raise Refused(f"A person has at most {MAX_KEYS} keys at once.")
    hand = entry.signer.hand
    if hand is None:
        raise Refused("A key is bound by a signature of the person's own.")
    signers = [hand_keys.parse(one).key_id for one in held] or [key.key_id]
    if hand.key_id not in signers:
        raise Refused("A further key is bound by one in force, and the first key by itself.")
    return {
        "status": "bound",
        "party": str(entry.party),
        "person": str(entry.signer.person),
        "keys": [*held, key.text],
        "past": list(state.get("past", [])),
    }


def _revoked(state: State, entry: Entry) -> State:
    if state["status"] != "bound" or str(entry.party) != state["party"]:
        raise Refused("A person's key is ended by their own organisation.")
    key, reason = _key(entry), entry.body.get("reason")
    if key.text not in state["keys"]:
        raise Refused("This key is not in force.")
    if not isinstance(reason, str) or reason not in REASONS:
        raise Refused(f"The reason is one of {', '.join(REASONS)}.")
    if len(state["past"]) >= MAX_PAST:
        raise Refused(f"A person has at most {MAX_PAST} keys that ended.")
    line = {"key": key.text, "how": reason, "seq": entry.seq, "at": clock.stamp(entry.recorded_at)}
    kept = [one for one in state["keys"] if one != key.text]
    return {**state, "keys": kept, "past": [*state["past"], line]}


def _key(entry: Entry) -> hand_keys.HandKey:
    value: Any = entry.body.get("key")
    try:
        return hand_keys.parse(value)
    except VerificationError:
        raise Refused("The record names no key that a person can sign with.") from None
