"""Break the glass, see who it is while the time runs, end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from custody.contract import emergency as rules
from custody.emergency import operations, queries
from custody.therapies.queries import find_therapy
from ledger.clock import now
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.actions.base import ActionForm, ActionView, Done, fresh_key
from portal.emergency.factors import ShownAgainMixin, check_shown

MINUTES = ((15, "15 minutes"), (30, "30 minutes"), (60, "1 hour"))


class BreakForm(ShownAgainMixin, ActionForm):
    """Why, for how long, and the factors anew."""

    reason = forms.ChoiceField(
        label="What is the emergency?",
        choices=list(rules.REASONS.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Say what the emergency is. It stands on the ledger."},
    )
    minutes = forms.TypedChoiceField(
        label="For how long?", choices=MINUTES, coerce=int, initial=15, widget=forms.RadioSelect
    )
    field_order = ("reason", "minutes", "again_password", "again_code")


class BreakView(ActionView):
    """The form; whoever has access already is taken there."""

    form_class = BreakForm
    template_name: ClassVar[str] = "emergency/break.html"

    def prepare(self) -> None:
        self.therapy = find_therapy(therapy=self.kwargs["therapy"], by=self.actor)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "therapy": self.therapy,
            "centre": party_names().get(self.therapy.centre_id, ""),
            "standing": queries.own_access(therapy=self.therapy.pk, by=self.actor, at=self.at),
        }

    def act(self, form: ActionForm) -> Done:
        record = operations.break_the_glass(
            therapy=self.therapy.pk,
            reason=form.cleaned_data["reason"],
            minutes=form.cleaned_data["minutes"],
            shown_again=check_shown(self.request, form),
            by=self.actor,
            at=self.at,
            key=form.key,
        )
        return Done(reverse("emergency", args=[record.chain.subject]))


@require_safe
def access(request: HttpRequest, access: UUID) -> HttpResponse:
    """Who the patient is, while the access is open. Never kept by the browser."""
    actor, at = actor_of(request), now()
    line, identity = queries.identity(access=access, by=actor, at=at)
    context = {
        "line": line,
        "reason": rules.REASONS[line.reason],
        "identity": identity,
        "end_key": fresh_key(),
        "checked_at": at,
    }
    response = render(request, "emergency/access.html", context)
    response["Cache-Control"] = "no-store"
    response["Refresh"] = f"{int((line.until - at).total_seconds()) + 1}"
    return response


class EndView(ActionView):
    """Give it back, or end it as the officer; a button elsewhere."""

    def act(self, form: ActionForm) -> Done:
        operations.end_access(access=self.kwargs["access"], by=self.actor, at=self.at, key=form.key)
        return Done(reverse("home"), "The access has ended.")
