"""Factors shown anew for one act: the password always, and the authenticator app's code where there is one.

However lately the person signed in: an unlocked screen must not be enough to see who a patient is.
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django import forms
from django.http import HttpRequest

from portal.accounts.codes import CodeWanted, TooManyAttempts
from portal.accounts.signing import WrongPassword


class ShownAgainMixin(forms.Form):
    """Asks for the password, and for the app's code when the person has one. Give it `request=`."""

    again_password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Enter your password: it is asked for each time."},
    )
    again_code = forms.CharField(
        label="Code of your authenticator app",
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        error_messages={"required": "Enter the code that your authenticator app shows."},
    )

    def __init__(self, *args: object, request: HttpRequest, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.request = request
        if _app_of(request) is None:
            del self.fields["again_code"]


def check_shown(request: HttpRequest, form: forms.Form) -> bool:
    """True once the factors are right. Raises WrongPassword, CodeWanted, TooManyAttempts, each on its field."""
    email, password = request.user.email, form.cleaned_data["again_password"]  # type: ignore[union-attr]
    try:
        user = get_adapter(request).authenticate(request, email=email, password=password)
    except forms.ValidationError:
        raise _too_many("again_password") from None
    if user is None or user.pk != request.user.pk or not user.is_active:
        raise WrongPassword("That is not your password. Nothing was opened; enter it again.", field="again_password")
    app = _app_of(request)
    if app is not None:
        _check_code(request, app, form.cleaned_data.get("again_code", ""))
    record_authentication(request, user, method="password", reauthenticated=True)
    return True


def _check_code(request: HttpRequest, app: Authenticator, code: str) -> None:
    try:
        clear = check_rate_limit(request.user)
    except forms.ValidationError:
        raise _too_many("again_code") from None
    if not TOTP(app).validate_code(code.replace(" ", "")):
        raise CodeWanted("That code is not right, or it was used before. Wait for the next one.", field="again_code")
    clear()
    app.record_usage()


def _too_many(field: str) -> TooManyAttempts:
    return TooManyAttempts("Too many wrong tries. Wait five minutes, then try again.", field=field)


def _app_of(request: HttpRequest) -> Authenticator | None:
    return Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.TOTP).first()
