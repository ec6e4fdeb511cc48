"""The scalar field of BN254 (alt_bn128, EIP-196): canonical encodings of what the statement speaks about.

Every function is injective on what it accepts and refuses the rest, so that two different facts never become
one field element.
"""

from __future__ import annotations

import re
from uuid import UUID

from ledger.crypto import randomness

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order r of the BN254 groups; circuit values are integers modulo it."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,29}")


def check_element(value: int, *, name: str = "value") -> int:
    """Return `value` when it is a canonical field element, an integer in [0, r).

    Raises ValueError otherwise: a number and the same number plus r would be one element with two spellings.
    """
    if type(value) is not int or not 0 <= value < FIELD:
        raise ValueError(f"{name} is not a field element: a whole number from 0 to r - 1 is needed")
    return value


def format_element(value: int) -> str:
    """A field element as the decimal string that ledger records carry."""
    return str(check_element(value))


def parse_element(text: str) -> int:
    """Read what `format_element` wrote; no sign, no leading zero, below r."""
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise ValueError("a field element is written as decimal digits without sign or leading zero")
    return check_element(int(text))


def encode_uuid(value: UUID) -> int:
    """A pseudonym: the UUID as its 128-bit integer (RFC 9562, network byte order)."""
    return value.int


def encode_digest(digest: bytes) -> int:
    """A SHA-256 digest: its first 31 bytes, big-endian. 248 bits always fit below r, and 124-bit collision
    resistance is left."""
    if len(digest) != 32:
        raise ValueError("a SHA-256 digest has 32 bytes")
    return int.from_bytes(digest[:31], "big")


def encode_code(code: str) -> int:
    """A step or test code of the protocol: its ASCII bytes, big-endian; 1 to 30 of `a-z 0-9 . _ -`.

    No code begins with a zero byte, so different codes are different integers.
    """
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise ValueError(f"code {code!r} needs 1 to 30 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit")
    return int.from_bytes(code.encode("ascii"), "big")


def new_salt() -> int:
    """248 random bits; keep it sealed, off the ledger."""
    return randomness.randbits(248)
