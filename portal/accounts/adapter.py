"""Our choices in django-allauth's flows."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from ledger.crypto import sealing

_TOTP_KEY_PURPOSE = b"needlepoint/second-factor/v1"


class AccountAdapter(DefaultAccountAdapter):
    """People are enrolled by their organisation's administrator: nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *rest: Any, **more: Any
    ) -> None:
        """That one is signed in, the page shows already: the first thing on it is what to do."""
        if message_template != "account/messages/logged_in.txt":
            super().add_message(request, level, message_template, *rest, **more)


class MFAAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps and recovery codes are sealed by the installation's key-encryption key."""

    def encrypt(self, text: str) -> str:
        sealed = sealing.seal(_second_factor_key(), text.encode(), _aad())
        return base64.b64encode(sealed).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(_second_factor_key(), base64.b64decode(encrypted_text), _aad()).decode()


def _second_factor_key() -> bytes:
    return sealing.derive(settings.KEY_ENCRYPTION_KEY, _TOTP_KEY_PURPOSE)


def _aad() -> bytes:
    return sealing.associated_data("allauth.mfa", 1)
