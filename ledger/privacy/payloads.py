"""The bytes of a sealed payload: AES-256-GCM over the canonical JSON of [salt, value].

The associated data is table, row, field, revision and key version: a ciphertext copied to another place does not open.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ledger.crypto import canonical, commitments, sealing
from ledger.privacy.models import SealedPayload


@dataclass(frozen=True, slots=True)
class Commitment:
    """What may stand on the ledger of a sealed value: where it belongs, and the salted digest (64 hex digits)."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Revealed:
    """A sealed value with what proves it against the ledger: the commitment is to [salt, path, value]."""

    path: str
    salt: str = field(repr=False)
    value: str = field(repr=False)
    commitment: str


def path_of(table: str, row: str, field: str) -> str:
    """Where a value belongs; part of the commitment, so that no value passes for another patient's or field's."""
    return f"{table}/{row}/{field}"


def encode(payload: SealedPayload, key_version: int, key: bytes, *, salt: bytes, value: str) -> bytes:
    """The ciphertext of `value` at the payload's place."""
    return sealing.seal(key, canonical.encode([salt.hex(), value]), _associated(payload, key_version))


def decode(payload: SealedPayload, key_version: int, key: bytes) -> Revealed:
    """Open a payload and check it against its own commitment. Raises UnsealError or VerificationError."""
    plain = sealing.unseal(key, bytes(payload.ciphertext), _associated(payload, key_version))
    salt, value = json.loads(plain)
    path = path_of(payload.table, payload.row, payload.field)
    commitments.verify_commitment(payload.commitment, salt=bytes.fromhex(salt), path=path, value=value)
    return Revealed(path=path, salt=salt, value=value, commitment=payload.commitment)


def _associated(payload: SealedPayload, key_version: int) -> bytes:
    return sealing.associated_data(
        "needlepoint/payload/v1", payload.table, payload.row, payload.field, payload.revision, key_version
    )
