"""“Your signature”: the keys that a person signs records with, set up and ended by themself or by an administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from ledger.crypto import hand_keys
from ledger.crypto.ed25519 import generate
from ledger.crypto.errors import VerificationError
from ledger.errors import Conflict, NotFound, NotPermitted
from ledger.parties import hands as bound
from ledger.parties import person_operations
from ledger.parties.models import PersonKey
from ledger.parties.person_rules import REASONS
from portal.accounts import hands, signing
from portal.accounts.actors import actor_of
from portal.accounts.acts_of_request import by_passkey
from portal.accounts.models import SigningKey, User
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done

KINDS = {hand_keys.PASSKEY: "Passkey", hand_keys.SOFTWARE: "Password and authenticator app"}


class NoSuchPasskey(NotFound):
    """The person has no passkey of that number."""


class CannotSign(Conflict):
    """This passkey, or this account as it is, cannot sign records."""


class NoSuchKey(NotFound):
    """Nobody of the organisation signs with such a key."""


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key as its page shows it."""

    person: UUID
    key_id: str
    kind: str
    name: str
    since: datetime
    used_at: datetime | None
    ended_at: datetime | None
    ended_how: str


def lines_of(*, user: User, party: UUID) -> list[KeyLine]:
    """A person's keys at a party, those in force first."""
    known = {row.key_id: row for row in SigningKey.objects.filter(user=user, party_id=party)}
    rows = PersonKey.objects.filter(party_id=party, person=user.pk).order_by("valid_from_at")
    lines = [
        KeyLine(
            person=row.person,
            key_id=row.key_id,
            kind=KINDS[row.kind],
            name=known[row.key_id].name if row.key_id in known else "",
            since=row.valid_from_at,
            used_at=known[row.key_id].last_used_at if row.key_id in known else None,
            ended_at=row.ended_at,
            ended_how=REASONS.get(row.ended_how, ""),
        )
        for row in rows
    ]
    return sorted(lines, key=lambda line: line.ended_at is not None)


@require_safe
def signing_keys(request: HttpRequest) -> HttpResponse:
    """The person's own keys, and what can still be set up."""
    actor = actor_of(request)
    user: User = request.user  # type: ignore[assignment]
    lines = lines_of(user=user, party=actor.party)
    held = {line.key_id for line in lines}
    ways = signing.ways_for(request)
    context = {
        "lines": lines,
        "passkeys": [one for one in _passkeys(user) if _key_id(one, request) not in held],
        "has_app": Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists(),
        "is_bound": ways.is_bound,
        "usable": bool(ways.passkeys or ways.software),
    }
    return render(request, "people/signature.html", context)


def _passkeys(user: User) -> list[Authenticator]:
    return list(Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).order_by("created_at"))


def _key_id(authenticator: Authenticator, request: HttpRequest) -> str:
    try:
        return hands.key_of_authenticator(authenticator, hands.host_of(request))[0].key_id
    except VerificationError:
        return ""


class BindForm(SigningMixin, ActionForm):
    """A key becomes one's signature: signed for with it, or with the one that signs already."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, request=request, **kwargs)
        if not signing.ways_for(request).is_bound:
            self.fields.pop("signing_password", None)
            self.stands = None
            self._say_how("passkey")


class BindPasskeyView(ActionView):
    """Sign with this passkey from now on."""

    form_class = BindForm
    template_name = "people/bind_passkey.html"

    def prepare(self) -> None:
        found = Authenticator.objects.filter(
            pk=self.kwargs["authenticator"], user_id=self.actor.person, type=Authenticator.Type.WEBAUTHN
        ).first()
        if found is None:
            raise NoSuchPasskey("This passkey is not on your account any more. Reload the page.")
        self.authenticator = found
        try:
            self.key, self.credential_id, self.counter = hands.key_of_authenticator(found, hands.host_of(self.request))
        except VerificationError as problem:
            raise CannotSign(str(problem)) from problem

    def form_arguments(self) -> dict[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> dict[str, Any]:
        return {"passkey": self.authenticator, "is_bound": signing.ways_for(self.request).is_bound}

    def act(self, form: ActionForm) -> Done:
        row, _ = SigningKey.objects.get_or_create(
            user_id=self.actor.person,
            party_id=self.actor.party,
            key_id=self.key.key_id,
            defaults={
                "name": str(self.authenticator)[:100],
                "credential_id": self.credential_id,
                "sign_count": self.counter,
                "created_at": self.at,
            },
        )
        if signing.ways_for(self.request).is_bound:
            by = first_signer(self.request, form)
        else:
            ways = hands.Ways((hands.Passkey(row, self.key),), None, False)
            by = by_passkey(self.request, self.actor, ways, 1, None)
        person_operations.bind_key(public_key=self.key.text, by=by, at=self.at, key=form.key)
        return Done(reverse("signing_keys"), "You sign records with this passkey from now on.")


class SoftwareForm(ActionForm):
    """Both components, which release the key from now on."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Code of your authenticator app",
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "data-private": ""}),
    )


class BindSoftwareView(ActionView):
    """Make a key that password and code release, for who has no passkey."""

    form_class = SoftwareForm
    template_name = "people/bind_software.html"

    def prepare(self) -> None:
        if signing.ways_for(self.request).is_bound:
            raise CannotSign("You have a signing key already. Sign with that one; another passkey can be added to it.")

    def act(self, form: ActionForm) -> Done:
        user, app = signing.shown_both(
            self.request, password=form.cleaned_data["password"], code=form.cleaned_data["code"]
        )
        signer = generate()
        hand = hands.SoftwareHand(signer)
        salt, sealed = hands.seal_key(signer.seed, user=user, password=form.cleaned_data["password"], app=app)
        SigningKey.objects.create(
            user=user, party_id=self.actor.party, key_id=hand.key_id, salt=salt, sealed=sealed, created_at=self.at,
            name="Password and authenticator app",
        )  # fmt: skip
        by = signing.with_hand(self.actor, hand)
        person_operations.bind_key(public_key=hand.key.text, by=by, at=self.at, key=form.key)
        return Done(reverse("signing_keys"), "You sign records with your password and your authenticator app.")


class EndForm(SigningMixin, ActionForm):
    """Why a signing key ends."""

    reason = forms.ChoiceField(
        label="Why does this key end?",
        choices=[(code, words[0].upper() + words[1:]) for code, words in REASONS.items()],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a reason. Everybody can read it."},
    )


class EndKeyView(ActionView):
    """End a signing key: one's own, or a colleague's by who looks after the people."""

    form_class = EndForm
    template_name = "people/end_key.html"
    row: PersonKey

    def prepare(self) -> None:
        person, key_id = self.kwargs["person"], self.kwargs["key_id"]
        if person != self.actor.person and not self.actor.may("members.manage"):
            raise NotPermitted("You end your own signing keys only.")
        rows = bound.keys_of(party=self.actor.party, person=person)
        found = next((row for row in rows if row.key_id == key_id), None)
        if found is None:
            raise NoSuchKey("Nobody of your organisation signs with this key any more.")
        self.row = found

    def form_arguments(self) -> dict[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> dict[str, Any]:
        whose = User.objects.get(pk=self.row.person)
        return {"row": self.row, "kind": KINDS[self.row.kind], "whose": whose, "own": whose.pk == self.actor.person}

    def act(self, form: ActionForm) -> Done:
        person_operations.end_key(
            person=self.row.person,
            public_key=self.row.key,
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        own = self.row.person == self.actor.person
        return Done(
            reverse("signing_keys" if own else "home"), "The key signs nothing any more. What it signed stays signed."
        )
