"""Therapies that are held after a fork of the ledger: the list, and what frees one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from custody.holds import operations as holds
from custody.holds import queries
from custody.therapies import queries as therapies
from ledger.clock import now
from ledger.errors import Conflict
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done
from portal.paging import page_of

SHOWN = 50
CAPACITY_WORDS = {"centre": "the treatment centre", "maker": "the maker", "payer": "the payer"}


class HoldIsOver(Conflict):
    """Others have freed the therapy while the page was open."""


class FreeForm(SigningMixin, ActionForm):
    """Confirm the records, or break the glass. `seen` names the divergences that stood on the page."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=4_000)
    how = forms.ChoiceField(label="What do you sign?", widget=forms.RadioSelect)
    emergency = forms.ChoiceField(
        label="Which emergency?",
        required=False,
        choices=[("", "Choose"), *holds.EMERGENCIES.items()],
        help_text="Only when the therapy is freed in an emergency.",
    )

    def __init__(self, *args: Any, agrees: bool, breaks: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("agree", "We have compared these records with our own, and they are right")] if agrees else []
        if breaks:
            choices.append(("break", "This is an emergency: go on before the members have agreed"))
        else:
            del self.fields["emergency"]
        self.fields["how"].choices = choices  # type: ignore[attr-defined]


class HoldView(ActionView):
    """Why a therapy is held, and the signature that frees it."""

    template_name: ClassVar[str] = "journeys/hold.html"
    form_class = FreeForm

    def prepare(self) -> None:
        self.journey = therapies.journey(therapy=self.kwargs["therapy"], by=self.actor)
        self.hold = queries.hold_of(self.journey.state, self.actor)
        if self.hold is None and self.request.method == "POST":
            raise HoldIsOver("This therapy is free already. Go back to its journey.")

    def form_arguments(self) -> Mapping[str, Any]:
        hold = self.hold
        return {
            "request": self.request,
            "agrees": bool(hold and hold.may_agree),
            "breaks": bool(hold and hold.may_break),
        }

    def initial(self) -> Mapping[str, Any]:
        return {"seen": ",".join(self.hold.divergences)} if self.hold else {}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        therapy = self.journey.therapy
        return {
            "therapy": therapy,
            "hold": self.hold,
            "missing": [CAPACITY_WORDS[one] for one in self.hold.missing] if self.hold else [],
            "names": party_names(),
            "records": [one for one in self.journey.records if one.leaf_index is not None][-12:],
            "back_url": reverse("therapy", args=[therapy.id]),
        }

    def act(self, form: ActionForm) -> Done:
        therapy = self.journey.therapy.id
        said = {
            "therapy": therapy,
            "divergences": form.cleaned_data["seen"].split(","),
            "by": first_signer(self.request, form),
            "at": self.at,
            "key": form.key,
        }
        if form.cleaned_data["how"] == "agree":
            holds.agree_on_records(**said)
        else:
            holds.break_glass(emergency=form.cleaned_data.get("emergency", ""), **said)
        free = queries.hold_of(therapies.journey(therapy=therapy, by=self.actor).state, self.actor) is None
        words = "The therapy is free again." if free else "Signed. The therapy waits for the other signature."
        return Done(reverse("therapy", args=[therapy]), words)


def held_list(request: HttpRequest) -> HttpResponse:
    """Every held therapy that the actor may see, the longest held first."""
    actor = actor_of(request)
    page = page_of(
        request, lambda limit, offset: queries.held_therapies(by=actor, limit=limit, offset=offset), size=SHOWN
    )
    context = {
        "page": page,
        "rows": page.rows,
        "count": queries.count_held(by=actor),
        "names": party_names(),
        "checked_at": now(),
    }
    return render(request, "journeys/held.html", context)
