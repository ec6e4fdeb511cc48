"""Tokens with which a member's machine reads the log: 256 random bits, shown once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from ledger.cosigning.models import LogToken

PREFIX = "npl_"


def issue(*, party: UUID, at: datetime) -> str:
    """A fresh token. It is shown here and nowhere again."""
    token = PREFIX + secrets.token_urlsafe(32)
    LogToken.objects.create(digest=_digest(token), party_id=party, created_at=at)
    return token


def revoke_all(*, party: UUID, at: datetime) -> int:
    """Make every token of a party worthless; how many there were."""
    return LogToken.objects.filter(party_id=party, revoked_at=None).update(revoked_at=at)


def party_of(token: str) -> UUID | None:
    """Whose token this is; None for one that is unknown or revoked."""
    if not token.startswith(PREFIX):
        return None
    row = LogToken.objects.filter(digest=_digest(token), revoked_at=None).values_list("party_id", flat=True).first()
    return row


def _digest(token: str) -> str:
    # 256 bits of randomness need no slow hash.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
