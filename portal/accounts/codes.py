"""The codes of authenticator apps, at the first signing of a session. A code is good once, so it is looked at first.

`check_code` uses nothing up, `use_code` does; a form that is sent twice for a passkey's sake uses its code once.
"""

from __future__ import annotations

from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, validate_totp_code
from allauth.mfa.utils import decrypt
from django import forms
from django.http import HttpRequest

from ledger.errors import BadInput, Refusal
from portal.accounts import hands
from portal.accounts.acts_of_request import signing_of
from portal.accounts.models import User

ASK_CODE = "Enter the code that your authenticator app shows."
_NOT_RIGHT = "That code is not right, or it was used before. Wait for the next one."
_CODE_FIELDS = {1: "signing_code", 2: "second_code"}


class CodeWanted(BadInput):
    """The second person's authenticator app has to show its code too, or the code was wrong."""


class TooManyAttempts(Refusal):
    """Somebody guesses, or a key sticks."""

    status = 429


def has_app(user: User) -> bool:
    """Whether a second person without a signing key has an authenticator app. Raises CodeWanted for a passkey alone."""
    kinds = {one.type for one in Authenticator.objects.filter(user=user)}
    if Authenticator.Type.TOTP in kinds:
        return True
    if Authenticator.Type.WEBAUTHN in kinds:
        raise CodeWanted("The second person needs an authenticator app to sign on this screen.", field="second_code")
    return False


def check_code(request: HttpRequest, user: User, code: str, *, position: int) -> None:
    """Look whether the code is the one that the person's app shows, and use nothing up.

    Raises CodeWanted, TooManyAttempts, KeyNotReleased.
    """
    app, field = _app_of(user, position), _CODE_FIELDS[position]
    if _was_shown(request, user, position):
        return
    if not code:
        raise CodeWanted(ASK_CODE if position == 1 else ASK_CODE.replace("your", "the second person’s"), field=field)
    try:
        clear = check_rate_limit(user)
    except forms.ValidationError:
        raise TooManyAttempts("Too many wrong codes. Wait five minutes, then try again.", field=field) from None
    if not validate_totp_code(decrypt(app.data["secret"]), _plain(code)):
        raise CodeWanted(_NOT_RIGHT, field=field)
    clear()


def use_code(request: HttpRequest, user: User, code: str, *, position: int) -> Authenticator:
    """The person's authenticator app, whose present code was shown, for the first time. Raises CodeWanted."""
    app = _app_of(user, position)
    if _was_shown(request, user, position):
        return app
    if not TOTP(app).validate_code(_plain(code)):
        raise CodeWanted(_NOT_RIGHT, field=_CODE_FIELDS[position])
    app.record_usage()
    signing_of(request).codes[str(position)] = str(user.pk)
    return app


def _app_of(user: User, position: int) -> Authenticator:
    app = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if app is None:
        raise hands.KeyNotReleased(
            f"The key was set up with an authenticator app that is gone. Ask {'your' if position == 1 else 'the'} "
            "administrator to end it, then set up a new one."
        )
    return app


def _was_shown(request: HttpRequest, user: User, position: int) -> bool:
    """Whether this form's code was used when the form was shown to a passkey."""
    signing = signing_of(request)
    return signing.prepared is not None and signing.codes.get(str(position)) == str(user.pk)


def _plain(code: str) -> str:
    return code.replace(" ", "")
