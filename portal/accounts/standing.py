"""What a person has shown in this session, and until when it is enough to sign by pressing a button.

In the demonstration, where nobody has a signing key yet, a signature rests on it. So the screen says what was shown and
when, and asks again once `SIGNING_FRESH_SECONDS` are over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest

from ledger.clock import now

HOW: Mapping[str, str] = {
    "password": "You gave your password",
    "socialaccount": "You signed in through your organisation",
    "webauthn": "You showed your passkey",
    "totp": "You gave your app’s code",
    "recovery_codes": "You gave a recovery code",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown last, in words, when, and until when it stands."""

    words: str
    at: datetime
    until: datetime


def last_shown(request: HttpRequest) -> Shown | None:
    """What the signed-in person showed last; None for a session that says nothing of it."""
    records = get_authentication_records(request, request.user)  # type: ignore[arg-type]
    latest = max(records, key=_at, default=None)
    if latest is None or not _at(latest):
        return None
    at = datetime.fromtimestamp(_at(latest), UTC)
    way = str(latest.get("type") if latest.get("method") == "mfa" else latest.get("method"))
    return Shown(HOW.get(way, "You signed in"), at, at + timedelta(seconds=settings.SIGNING_FRESH_SECONDS))


def needs_password(request: HttpRequest) -> bool:
    """Whether the signer has to show the password again: nothing was shown for `SIGNING_FRESH_SECONDS`."""
    shown = last_shown(request)
    return shown is None or now() > shown.until


def _at(record: Mapping[str, Any]) -> float:
    return float(record.get("at", 0))
