"""Base64 with one spelling only (RFC 4648 §4, §3.5): bytes that are hashed must not have two encodings."""

from __future__ import annotations

import binascii

import pybase64

from ledger.crypto.errors import VerificationError


def encode(data: bytes) -> str:
    return pybase64.b64encode_as_string(data)


def decode(text: str | bytes, *, what: str) -> bytes:
    """The bytes of `text`, standard alphabet, padded, without spare bits; `what` names it in the error."""
    try:
        spelt = text.encode("ascii") if isinstance(text, str) else text
        data = pybase64.b64decode(spelt, validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise VerificationError(f"The {what} is not base64.") from error
    if pybase64.b64encode(data) != spelt:
        raise VerificationError(f"The {what} is not canonical base64.")
    return data
