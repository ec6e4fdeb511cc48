"""Time-ordered identifiers (RFC 9562, version 7)."""

from __future__ import annotations

from uuid import UUID, uuid5

from uuid6 import uuid7 as _uuid7

_NAMESPACE = UUID("6f0c2f0e-3f52-5c3e-9b0a-6e6565646c65")


def uuid7() -> UUID:
    """A fresh time-ordered identifier."""
    return UUID(int=_uuid7().int)


def derived(*parts: object) -> UUID:
    """The identifier that everybody computes alike from these parts: for rows that a record implies."""
    return uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts))
