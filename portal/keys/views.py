"""The keys page, and its acts: rotate, add a spare, revoke, and (for the operator) issue anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from ledger.clock import now
from ledger.errors import BadInput
from ledger.log import log_keys, sequencer
from ledger.parties import key_operations, key_queries
from ledger.parties.actor import Actor
from ledger.parties.key_queries import KeyLine
from ledger.parties.key_rules import REASONS
from ledger.parties.queries import parties, party, party_names
from portal.accounts.actors import actor_of
from portal.actions.base import ActionForm, ActionView, Done, fresh_key

SEES_ALL = frozenset({"regulator", "operator"})


@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    """The organisation's own keys; the regulator and the operator see those of every member."""
    actor = actor_of(request)
    others = [one.id for one in parties() if one.id != actor.party] if actor.party_kind in SEES_ALL else []
    found = key_queries.keys_of([actor.party, *others])
    context = {
        "own": found[0],
        "others": found[1:],
        "names": party_names(),
        "may_manage": actor.may("keys.manage"),
        "is_operator": actor.party_kind == "operator" and actor.may("party.enrol"),
        "log_keys": log_keys.in_force(sequencer.size()),
        "form_key": fresh_key(),
        "checked_at": now(),
    }
    return render(request, "keys/keys.html", context)


class ConfirmForm(ActionForm):
    """An act that cannot be taken back."""

    sure = forms.BooleanField(
        label="I have read what this does",
        error_messages={"required": "Tick this: it cannot be taken back."},
    )


class RotateView(ActionView):
    form_class = ConfirmForm
    template_name = "keys/rotate.html"

    def act(self, form: ActionForm) -> Done:
        key_operations.rotate_key(by=self.actor, at=self.at, key=form.key)
        return Done(reverse("keys"), "Your organisation signs with a new key. Back it up among your custodians.")


class SpareView(ActionView):
    def act(self, form: ActionForm) -> Done:
        key_operations.add_key(by=self.actor, at=self.at, key=form.key)
        return Done(reverse("keys"), "Your organisation has a spare key. It signs when the other one is gone.")


class RevokeForm(ConfirmForm):
    """Why a key ends, and since when others may have had it."""

    reason = forms.ChoiceField(
        label="Why does this key end?",
        choices=[(code, words[0].upper() + words[1:]) for code, words in REASONS.items()],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a reason. Everybody can read it."},
    )
    since = forms.DateTimeField(
        label="Since when may others have had it?",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text="In UTC. Records signed since then stay, and are marked. Empty: nobody else can have had it.",
        error_messages={"invalid": "Write a day and a time, such as 2026-03-01T08:00."},
    )
    field_order = ("reason", "since", "sure")

    def clean_since(self) -> datetime | None:
        given: datetime | None = self.cleaned_data.get("since")
        return given.replace(tzinfo=UTC) if given else None


class RevokeView(ActionView):
    form_class = RevokeForm
    template_name = "keys/revoke.html"
    line: KeyLine

    def prepare(self) -> None:
        self.line = _line(self.kwargs["key_id"], self.actor)

    def page(self, form: ActionForm) -> dict[str, Any]:
        return {"line": self.line, "names": party_names(), "own": self.line.party == self.actor.party}

    def act(self, form: ActionForm) -> Done:
        given = form.cleaned_data
        try:
            key_operations.revoke_key(
                key_id=self.line.key_id,
                reason=given["reason"],
                compromised_at=given["since"],
                party=self.line.party,
                by=self.actor,
                at=self.at,
                key=form.key,
            )
        except key_operations.SinceNotNeeded as refusal:
            raise BadInput(refusal.message, field="since") from refusal
        return Done(reverse("keys"), f"The key {self.line.key_id} signs nothing any more.")


class ReissueView(ActionView):
    form_class = ConfirmForm
    template_name = "keys/reissue.html"
    party: UUID

    def prepare(self) -> None:
        self.party = party(self.kwargs["party"]).id

    def page(self, form: ActionForm) -> dict[str, Any]:
        return {"member": party(self.party)}

    def act(self, form: ActionForm) -> Done:
        key_operations.reissue_key(party=self.party, by=self.actor, at=self.at, key=form.key)
        return Done(reverse("keys"), f"{party(self.party).name} has a new key.")


def _line(key_id: str, actor: Actor) -> KeyLine:
    whose = [one.id for one in parties()] if actor.party_kind == "operator" else [actor.party]
    for member in key_queries.keys_of(whose):
        for line in member.keys:
            if line.key_id == key_id:
                return line
    raise key_operations.KeyUnknown("Your organisation has no such key.")
