"""Who signs: the first layer of an electronic signature (21 CFR 11.200).

The first signing of a session uses both components (e-mail and password at sign-in); a later one in the same continuous
session at least one. A session in which nothing was shown for fifteen minutes counts as not continuous, and the
password is asked again on the same screen. The second person of a two-person step shows e-mail and password, and the
code of their authenticator app where they have one, without taking over the session of the first.

A wrong password costs nothing but itself: the form keeps every other value.
"""

from __future__ import annotations

from collections.abc import Collection

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django import forms
from django.conf import settings
from django.http import HttpRequest

from ledger.clock import now
from ledger.errors import BadInput, NotPermitted, Refusal
from ledger.parties.actor import Actor
from portal.accounts.actors import actor_for, actor_of
from portal.accounts.models import Membership, User
from portal.accounts.roles import ROLES


class WrongPassword(BadInput):
    """The signer's own password was not right."""


class SecondPersonUnknown(BadInput):
    """E-mail and password of the second person do not belong together."""


class CodeWanted(BadInput):
    """The second person's authenticator app has to show its code too, or the code was wrong."""


class NotASecondPerson(NotPermitted):
    """The second person may not verify this."""


class TooManyAttempts(Refusal):
    """Somebody guesses, or a key sticks."""

    status = 429


def needs_password(request: HttpRequest) -> bool:
    """Whether the signer has to show the password again: nothing was shown for `SIGNING_FRESH_SECONDS`."""
    records = get_authentication_records(request, request.user)  # type: ignore[arg-type]
    latest = max((float(record.get("at", 0)) for record in records), default=0.0)
    return now().timestamp() - latest > settings.SIGNING_FRESH_SECONDS


def _password_field(label: str, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class SigningMixin(forms.Form):
    """A form whose act is signed. Give it `request=`; it asks for the password only when `needs_password`."""

    signing_password = _password_field("Your password, to sign", "current-password")

    def __init__(self, *args: object, request: HttpRequest, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.request = request
        if not needs_password(request):
            del self.fields["signing_password"]

    @property
    def asks_password(self) -> bool:
        return "signing_password" in self.fields


class SecondPersonMixin(SigningMixin):
    """A signed form with a second person, who identifies on the same screen."""

    second_email = forms.EmailField(
        label="Second person, e-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    second_password = _password_field("Second person, password", "off")
    second_code = forms.CharField(
        label="Second person, code of the authenticator app",
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
        help_text="Only with an authenticator app.",
    )


def first_signer(request: HttpRequest, form: forms.Form) -> Actor:
    """The signed-in person as the signer of this form.

    Raises WrongPassword or TooManyAttempts on the field `signing_password`.
    """
    actor = actor_of(request)
    if not needs_password(request):
        return actor
    password = form.cleaned_data.get("signing_password", "")
    if not password:
        raise WrongPassword("Enter your password to sign: you last showed it a while ago.", field="signing_password")
    user = _authenticated(request, email=request.user.email, password=password, field="signing_password")  # type: ignore[union-attr]
    if user is None or user.pk != request.user.pk:
        raise WrongPassword(
            "That is not your password. Nothing was recorded; enter it again.", field="signing_password"
        )
    record_authentication(request, user, method="password", reauthenticated=True)
    return actor


def second_signer(request: HttpRequest, form: forms.Form, *, roles: Collection[str]) -> Actor:
    """The second person, of the same organisation and in one of `roles`, identified by this form.

    Raises SecondPersonUnknown, CodeWanted, NotASecondPerson or TooManyAttempts, each on its field.
    """
    first = actor_of(request)
    email, password = form.cleaned_data.get("second_email", ""), form.cleaned_data.get("second_password", "")
    if not password:
        raise SecondPersonUnknown("The second person has to enter their password.", field="second_password")
    user = _authenticated(request, email=email, password=password, field="second_email")
    if user is None:
        raise SecondPersonUnknown(
            "This e-mail and password do not belong together. Nothing was recorded; enter them again.",
            field="second_password",
        )
    if user.pk == first.person:
        raise NotASecondPerson("The second person has to be somebody else than you.", field="second_email")
    method = _second_factor(user, form.cleaned_data.get("second_code", ""))
    return actor_for(user, _membership(user, first, roles), method)


def _authenticated(request: HttpRequest, *, email: str, password: str, field: str) -> User | None:
    """The active user of these credentials, by allauth's backend and under its limit for failed sign-ins."""
    try:
        user = get_adapter(request).authenticate(request, email=email, password=password)
    except forms.ValidationError:
        raise TooManyAttempts("Too many wrong passwords. Wait five minutes, then try again.", field=field) from None
    return user if isinstance(user, User) and user.is_active else None


def _second_factor(user: User, code: str) -> str:
    kinds = {one.type: one for one in Authenticator.objects.filter(user=user)}
    app = kinds.get(Authenticator.Type.TOTP)
    if app is None:
        if Authenticator.Type.WEBAUTHN in kinds or settings.SECOND_FACTOR_TO_SIGN:
            raise CodeWanted(
                "The second person needs an authenticator app to sign on this screen.", field="second_code"
            )
        return "password"
    if not code:
        raise CodeWanted("Enter the code that the second person's authenticator app shows.", field="second_code")
    try:
        clear = check_rate_limit(user)
    except forms.ValidationError:
        raise TooManyAttempts("Too many wrong codes. Wait five minutes, then try again.", field="second_code") from None
    if not TOTP(app).validate_code(code.replace(" ", "")):
        raise CodeWanted("That code is not right, or it was used before. Wait for the next one.", field="second_code")
    clear()
    app.record_usage()
    return "password+totp"


def _membership(user: User, first: Actor, roles: Collection[str]) -> Membership:
    held = list(Membership.objects.current(now()).filter(user=user, party_id=first.party).select_related("party"))
    if not held:
        raise NotASecondPerson("The second person has to belong to your organisation.", field="second_email")
    fitting = next((one for one in held if one.role in roles), None)
    if fitting is None:
        names = " or ".join(ROLES[code].name for code in roles if code in ROLES)
        raise NotASecondPerson(f"The second person has to be: {names}.", field="second_email")
    return fitting
