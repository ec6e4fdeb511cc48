"""Salted commitments to sensitive fields: hiding while the salt is secret, binding as SHA-256 is.

The digest is SHA-256 over a domain and JCS([salt, path, value]), with a fresh salt of 128 random bits for each field.
A plain hash of a guessable value (a birth date, a record number) would be personal data still (EDPB 02/2025); after
the salt is destroyed the commitment says nothing. The path binds the value to its place: a weight cannot be passed
off as an age.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from ledger.crypto import canonical, randomness
from ledger.crypto.errors import VerificationError

SALT_BYTES = 16
_DOMAIN = b"needlepoint/commitment/v1\x00"


def fresh_salt() -> bytes:
    """128 bits from the operating system's randomness; never use one twice."""
    return randomness.token_bytes(SALT_BYTES)


def commit(*, salt: bytes, path: str, value: Any) -> str:
    """The commitment, 64 hex digits, to a JSON `value` (no floats) at `path`."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"A commitment's salt has {SALT_BYTES} bytes, not {len(salt)}.")
    return hashlib.sha256(_DOMAIN + canonical.encode([salt.hex(), path, value])).hexdigest()


def verify_commitment(commitment: str, *, salt: bytes, path: str, value: Any) -> Any:
    """`value`, if `commitment` was made to it at `path` under `salt`."""
    if len(salt) != SALT_BYTES:
        raise VerificationError(f"A commitment's salt has {SALT_BYTES} bytes, not {len(salt)}.")
    if not hmac.compare_digest(commit(salt=salt, path=path, value=value).encode(), commitment.encode()):
        raise VerificationError(f"The value shown for {path} is not the one that was committed to.")
    return value
