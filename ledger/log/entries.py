"""The content of a record: what is signed.

An entry is the payload of a DSSE envelope, in canonical JSON (RFC 8785), and names its own place (log, chain, seq,
prev), so that it can be replayed nowhere else. Times are RFC 3339 UTC; quantities are decimal strings with a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from ledger import clock
from ledger.crypto import base64s
from ledger.crypto.errors import VerificationError

VERSION = 1
GENESIS = "0" * 64
"""What the first record of a chain links to."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far the time at which something happened may lie after the time of its recording."""


MAX_SEEN = 4
"""Logs that an entry may say it has seen; it needs one."""
MAX_SIZE = 2**53 - 1
NOTHING: Mapping[str, int] = MappingProxyType({})
"""What an entry has seen that rests on no other log."""


MAX_ACTS = 16
"""Records that one press of a button may sign for."""


@dataclass(frozen=True, slots=True)
class HandProof:
    """A person's own signature over an act (`ledger.parties.acts`), by the key `key_id` of theirs.

    `acts` are the digests of all acts that were signed for at once, this one among them. A passkey's signature is an
    assertion: `authenticator_data` and `client_data` are what it signed. A software key signs by itself, without them.
    """

    key_id: str
    nonce: str
    acts: tuple[str, ...]
    signature: bytes
    authenticator_data: bytes = b""
    client_data: bytes = b""

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "key": self.key_id,
            "nonce": self.nonce,
            "acts": list(self.acts),
            "sig": base64s.encode(self.signature),
        }
        if self.authenticator_data:
            found["authenticator"] = base64s.encode(self.authenticator_data)
            found["client"] = base64s.encode(self.client_data)
        return found


class Signature(NamedTuple):
    """Who signed, in which role, and what the signature means (21 CFR 11.50); the name is a commitment.

    `hand` is the person's own signature. Without it the party vouches that this person acted, by `method`.
    """

    person: UUID
    party: UUID
    name_commitment: str
    role: str
    meaning: str
    method: str
    hand: HandProof | None = None


class Entry(NamedTuple):
    """One record's content, decoded."""

    log: str
    chain: UUID
    chain_kind: str
    subject: UUID
    seq: int
    prev_hash: str
    type: str
    key: str
    signer: Signature
    second: Signature | None
    occurred_at: datetime
    recorded_at: datetime
    body: Mapping[str, Any]
    prev_log: str = ""
    """The log of the record before it in the chain, where that is another one."""
    seen: Mapping[str, int] = NOTHING
    """How many records of other logs its author had seen, where they decide which keys count (ADR 11)."""

    @property
    def party(self) -> UUID:
        """The party that authored and signed the record."""
        return self.signer.party

    def as_json(self) -> dict[str, Any]:
        """The JSON value that is canonicalised and signed.

        What only several logs need is left out where it says nothing, so that a single log's bytes are what they were.
        """
        across: dict[str, Any] = {}
        if self.prev_log:
            across["prev_log"] = self.prev_log
        if self.seen:
            across["seen"] = dict(self.seen)
        return {
            "v": VERSION,
            "log": self.log,
            "chain": str(self.chain),
            "chain_kind": self.chain_kind,
            "subject": str(self.subject),
            "seq": self.seq,
            "prev": self.prev_hash,
            "type": self.type,
            "key": self.key,
            "signer": _signature_json(self.signer),
            "second": _signature_json(self.second) if self.second else None,
            "occurred_at": clock.stamp(self.occurred_at),
            "recorded_at": clock.stamp(self.recorded_at),
            "body": dict(self.body),
            **across,
        }


def _signature_json(signature: Signature) -> dict[str, Any]:
    by_hand = {"hand": signature.hand.as_json()} if signature.hand else {}
    return {**signed_for(signature), **by_hand}


def signed_for(signature: Signature) -> dict[str, str]:
    """What a signature says beside the signature of the hand."""
    return {
        "person": str(signature.person),
        "party": str(signature.party),
        "name": signature.name_commitment,
        "role": signature.role,
        "meaning": signature.meaning,
        "method": signature.method,
    }


# The same few chains and people stand in thousands of entries, one after the other.
_uuid = lru_cache(maxsize=1024)(UUID)
_moment = lru_cache(maxsize=64)(clock.parse_stamp)


_HEX_16, _HEX_32, _HEX_64 = (re.compile(rf"[0-9a-f]{{{length}}}") for length in (16, 32, 64))


def _hand_of(value: Mapping[str, Any]) -> HandProof | None:
    if "hand" not in value:
        return None
    hand = value["hand"]
    names = {"key", "nonce", "acts", "sig"}
    if not isinstance(hand, Mapping) or set(hand) not in (names, names | {"authenticator", "client"}):
        raise VerificationError("the entry is not well formed: a signature of a hand has other members")
    acts = hand["acts"]
    if not isinstance(acts, list) or not 0 < len(acts) <= MAX_ACTS or len(set(acts)) != len(acts):
        raise VerificationError("the entry is not well formed: a signature of a hand names no acts")
    forms = [(_HEX_16, hand["key"]), (_HEX_32, hand["nonce"]), *((_HEX_64, one) for one in acts)]
    if not all(isinstance(text, str) and form.fullmatch(text) for form, text in forms):
        raise VerificationError("the entry is not well formed: a signature of a hand is of another form")
    return HandProof(
        key_id=hand["key"],
        nonce=hand["nonce"],
        acts=tuple(acts),
        signature=base64s.decode(hand["sig"], what="signature of the hand"),
        authenticator_data=base64s.decode(hand.get("authenticator", ""), what="passkey's data"),
        client_data=base64s.decode(hand.get("client", ""), what="browser's data"),
    )


def _signature_of(value: Mapping[str, Any]) -> Signature:
    return Signature(
        _uuid(value["person"]),
        _uuid(value["party"]),
        value["name"],
        value["role"],
        value["meaning"],
        value["method"],
        _hand_of(value) if "hand" in value else None,
    )


def _prev_log_of(value: Mapping[str, Any]) -> str:
    if "prev_log" not in value:
        return ""
    prev_log = value["prev_log"]
    if not isinstance(prev_log, str) or not prev_log or prev_log == value["log"] or value["seq"] == 0:
        raise VerificationError("the entry is not well formed: prev_log names no other log")
    return prev_log


def _seen_of(value: Mapping[str, Any]) -> dict[str, int]:
    if "seen" not in value:
        return {}
    seen = value["seen"]
    if not isinstance(seen, Mapping) or not 0 < len(seen) <= MAX_SEEN or value["log"] in seen:
        raise VerificationError("the entry is not well formed: seen names no other logs")
    if not all(name and type(size) is int and 0 <= size <= MAX_SIZE for name, size in seen.items()):
        raise VerificationError("the entry is not well formed: seen holds no sizes")
    return dict(seen)


_TEXTS = itemgetter("log", "chain_kind", "prev", "type", "key")


def entry_of(value: Mapping[str, Any]) -> Entry:
    """The entry of a decoded payload. Raises VerificationError when a member is missing or of the wrong form."""
    try:
        if value["v"] != VERSION:
            raise VerificationError(f"entry version {value['v']!r} is not known")
        texts = _TEXTS(value)
        if set(map(type, texts)) != {str} or type(value["seq"]) is not int:
            raise VerificationError("the entry is not well formed: a member is of the wrong kind")
        if not isinstance(value["body"], Mapping):
            raise VerificationError("the entry is not well formed: its body is no object")
        log, chain_kind, prev_hash, type_, key = texts
        return Entry(
            log,
            _uuid(value["chain"]),
            chain_kind,
            _uuid(value["subject"]),
            value["seq"],
            prev_hash,
            type_,
            key,
            _signature_of(value["signer"]),
            _signature_of(value["second"]) if value["second"] else None,
            _moment(value["occurred_at"]),
            _moment(value["recorded_at"]),
            value["body"],
            _prev_log_of(value) if "prev_log" in value else "",
            _seen_of(value) if "seen" in value else NOTHING,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise VerificationError(f"the entry is not well formed: {problem!r}") from problem
