"""The content of a record: what is signed.

An entry is the payload of a DSSE envelope, in canonical JSON (RFC 8785), and names its own place (log, chain, seq,
prev), so that it can be replayed nowhere else. Times are RFC 3339 UTC; quantities are decimal strings with a unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ledger import clock
from ledger.crypto.errors import VerificationError

VERSION = 1
GENESIS = "0" * 64
"""What the first record of a chain links to."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far the time at which something happened may lie after the time of its recording."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, in which role, and what the signature means (21 CFR 11.50); the name is a commitment."""

    person: UUID
    party: UUID
    name_commitment: str
    role: str
    meaning: str
    method: str


@dataclass(frozen=True, slots=True)
class Entry:
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

    @property
    def party(self) -> UUID:
        """The party that authored and signed the record."""
        return self.signer.party

    def as_json(self) -> dict[str, Any]:
        """The JSON value that is canonicalised and signed."""
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
        }


def _signature_json(signature: Signature) -> dict[str, str]:
    return {
        "person": str(signature.person),
        "party": str(signature.party),
        "name": signature.name_commitment,
        "role": signature.role,
        "meaning": signature.meaning,
        "method": signature.method,
    }


def _signature_of(value: Mapping[str, str]) -> Signature:
    return Signature(
        person=UUID(value["person"]),
        party=UUID(value["party"]),
        name_commitment=value["name"],
        role=value["role"],
        meaning=value["meaning"],
        method=value["method"],
    )


def entry_of(value: Mapping[str, Any]) -> Entry:
    """The entry of a decoded payload. Raises VerificationError when a member is missing or of the wrong form."""
    try:
        if value["v"] != VERSION:
            raise VerificationError(f"entry version {value['v']!r} is not known")
        texts = [value[name] for name in ("log", "chain_kind", "prev", "type", "key")]
        if not all(isinstance(text, str) for text in texts) or type(value["seq"]) is not int:
            raise VerificationError("the entry is not well formed: a member is of the wrong kind")
        if not isinstance(value["body"], Mapping):
            raise VerificationError("the entry is not well formed: its body is no object")
        return Entry(
            log=value["log"],
            chain=UUID(value["chain"]),
            chain_kind=value["chain_kind"],
            subject=UUID(value["subject"]),
            seq=value["seq"],
            prev_hash=value["prev"],
            type=value["type"],
            key=value["key"],
            signer=_signature_of(value["signer"]),
            second=_signature_of(value["second"]) if value["second"] else None,
            occurred_at=clock.parse_stamp(value["occurred_at"]),
            recorded_at=clock.parse_stamp(value["recorded_at"]),
            body=value["body"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise VerificationError(f"the entry is not well formed: {problem!r}") from problem
