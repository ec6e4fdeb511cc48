"""Base64 with one spelling only (RFC 4648 §4, §3.5): bytes that are hashed must not have two encodings."""

from __future__ import annotations

import base64
import binascii

from ledger.crypto.errors import VerificationError


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode(text: str, *, what: str) -> bytes:
    """The bytes of `text`, standard alphabet, padded, without spare bits; `what` names it in the error."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise VerificationError(f"The {what} is not base64.") from error
    if encode(data) != text:
        raise VerificationError(f"The {what} is not canonical base64.")
    return data
