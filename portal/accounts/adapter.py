"""Our choices in django-allauth's flows."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest

from ledger.clock import now
from ledger.crypto import sealing
from portal import refusals
from portal.accounts import alarms
from portal.accounts.models import User, normal_email

_TOTP_KEY_PURPOSE = b"needlepoint/second-factor/v1"


class AccountAdapter(DefaultAccountAdapter):
    """People are enrolled by their organisation's administrator: nobody signs up."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": "Too many wrong passwords for this address. Wait five minutes, then try again; "
        "or set a new password with “Forgotten it?”.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password, wherever it was asked: at sign-in, again, or to sign a record."""
        super().authentication_failed(request, **credentials)
        alarms.sign_in_failed(email=str(credentials.get("email", "")), at=now())

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *rest: Any, **more: Any
    ) -> None:
        """That one is signed in, the page shows already: the first thing on it is what to do."""
        if message_template != "account/messages/logged_in.txt":
            super().add_message(request, level, message_template, *rest, **more)


class SignOnAdapter(DefaultSocialAccountAdapter):
    """Single sign-on lets in whom an organisation enrolled, by an address of the provider's own domains."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        domains = settings.SIGN_ON_DOMAINS.get(sociallogin.account.provider, frozenset())
        if sociallogin.is_existing:
            held = sociallogin.user.email
            if not sociallogin.user.is_active or _domain(held) not in domains:
                raise _not_let_in(request)
            return
        said = [one.email for one in sociallogin.email_addresses if one.verified and _domain(one.email) in domains]
        user = User.objects.filter(email__in=[normal_email(one) for one in said], is_active=True).first()
        if user is None:
            raise _not_let_in(request)
        sociallogin.connect(request, user)


def _domain(email: str) -> str:
    return normal_email(email).rpartition("@")[2]


def _not_let_in(request: HttpRequest) -> ImmediateHttpResponse:
    words = (
        "You are known to your organisation’s sign-on, but nobody here has your address. Ask your administrator to "
        "bring you in under the address that the sign-on gives, once it is confirmed there."
    )
    return ImmediateHttpResponse(refusals.answer(request, 403, words))


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
