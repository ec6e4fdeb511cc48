"""The fields with which an act is signed: the signer's own, and those of a second person on the same screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.accounts import hands, signing
from portal.accounts.actors import actor_of
from portal.accounts.codes import ASK_CODE
from portal.accounts.standing import Shown, last_shown, needs_password


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
    signing_code = forms.CharField(
        label="Code of your authenticator app",
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "data-private": ""}),
        help_text="At your first signature since you signed in.",
    )

    stands: Shown | None = None
    """On what the signature rests where nothing is asked for it: what was shown a little while ago."""

    def __init__(self, *args: object, request: HttpRequest, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.request = request
        ways = signing.ways_for(request)
        software = None if ways.passkeys else ways.software
        if software is None:
            del self.fields["signing_code"]
            if ways.is_bound or not needs_password(request):
                del self.fields["signing_password"]
            if not ways.is_bound and not needs_password(request):
                self.stands = last_shown(request)
        elif hands.is_released(request, software):
            del self.fields["signing_code"]
        self._say_how("passkey" if ways.passkeys else "")

    def clean(self) -> dict[str, Any] | None:
        """What the signer has to show is asked for together with everything else that is missing."""
        cleaned = super().clean()
        for name, words in (("signing_password", signing.ASK_PASSWORD), ("signing_code", ASK_CODE)):
            if self.is_signed and name in self.fields and name not in self.errors and not self.cleaned_data.get(name):
                self.add_error(name, words)
        return cleaned

    def _say_how(self, how: str) -> None:
        """Tell the page's script on the form's key whether to ask a passkey before it sends."""
        key = self.fields.get("idempotency_key")
        if how and key is not None:
            key.widget.attrs["data-sign"] = how

    @property
    def is_signed(self) -> bool:
        """Whether what was sent is an act that somebody signs; a form with several acts says for which."""
        return True

    @property
    def asks_password(self) -> bool:
        return "signing_password" in self.fields

    @property
    def asks_code(self) -> bool:
        return "signing_code" in self.fields


class ColleagueInput(forms.EmailInput):
    """An e-mail address with the colleagues who may sign as the second person to choose from, by name.

    `colleagues` is asked when the field is drawn: pairs of address and words.
    """

    colleagues: Callable[[], Iterable[tuple[str, str]]] = staticmethod(lambda: ())

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        place = f"{(attrs or {}).get('id', name)}-colleagues"
        field = super().render(name, value, {**(attrs or {}), "list": place}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self.colleagues())
        return format_html('{}<datalist id="{}">{}</datalist>', field, place, options)


class SecondPersonMixin(SigningMixin):
    """A signed form with a second person, who identifies on the same screen."""

    second_email = forms.EmailField(
        label="Second person, e-mail",
        max_length=254,
        widget=ColleagueInput(attrs={"autocomplete": "off"}),
        help_text="Begin to type a colleague’s name.",
    )
    second_password = _password_field("Second person, password", "off")
    second_password.help_text = "Empty, if they sign with a passkey on this device."
    second_code = forms.CharField(
        label="Second person, code of the authenticator app",
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
        help_text="Only with an authenticator app.",
    )

    def __init__(self, *args: object, request: HttpRequest, **kwargs: object) -> None:
        super().__init__(*args, request=request, **kwargs)
        step = getattr(self, "step", None)
        widget = self.fields["second_email"].widget
        assert isinstance(widget, ColleagueInput)
        widget.colleagues = partial(
            signing.colleagues, actor_of(request), (step.second_roles or step.roles) if step else ()
        )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        email = self.cleaned_data.get("second_email")
        if email and not self.cleaned_data.get("second_password") and not self._second_has_passkey(email):
            self.add_error("second_password", signing.ASK_SECOND)
        return cleaned

    def _second_has_passkey(self, email: str) -> bool:
        first = actor_of(self.request)
        colleague = signing.colleague(email, first)
        host = hands.host_of(self.request)
        return colleague is not None and bool(hands.ways_of(user=colleague.pk, party=first.party, host=host).passkeys)

    def _say_how(self, how: str) -> None:
        super()._say_how(how or "second")
