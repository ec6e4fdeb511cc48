"""What a courier reports from the road: delay with its new time, damage, a broken seal, a lost shipper."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.urls import reverse

from custody.contract.exceptions import LONGEST_DELAY
from custody.transport import operations, queries
from ledger.clock import now
from ledger.errors import Conflict
from ledger.parties.queries import party_names
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done
from portal.actions.step_form import DATE_TIME
from portal.templatetags.np_times import local

FIRST_YEAR = 1900
"""Before it a time has no place in every zone; a year of so few digits is a slip of the finger."""


class ProblemForm(SigningMixin, ActionForm):
    """What happened on the road, and when; a delay says when the shipment is expected now.

    Times are those of the courier's own site, as on every page; `due_at` is when the shipment has to arrive.
    """

    problem = forms.ChoiceField(
        label="What happened?",
        choices=[
            ("delay", "Delay: it will arrive later than planned"),
            ("damage", "Damage: the shipper is dented, open or wet"),
            ("seal_broken", "Seal broken or missing"),
            ("lost", "Lost: the shipper is not where it should be"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Say what happened."},
    )
    expected_at = forms.DateTimeField(
        label="Expected arrival",
        required=False,
        input_formats=[DATE_TIME],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=DATE_TIME),
        error_messages={"invalid": "Write day and time, such as 02/12/2026 14:40."},
    )
    occurred_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, due_at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expected_at"].limits = f"due {local(due_at, 'short')}"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A delay without its new time tells nobody when to be there."""
        given = super().clean() or self.cleaned_data
        expected = given.get("expected_at")
        if given.get("problem") == "delay" and not expected and "expected_at" not in self.errors:
            self.add_error("expected_at", "Say when you expect to arrive.")
        elif expected and (expected.date() - now().date() > LONGEST_DELAY or expected.year < FIRST_YEAR):
            self.add_error("expected_at", f"The new time lies within {LONGEST_DELAY.days} days. Check the date.")
        return given


class ProblemView(ActionView):
    """A courier reports from the road; centre and maker see it at once."""

    template_name: ClassVar[str] = "transport/problem.html"
    form_class = ProblemForm

    def prepare(self) -> None:
        found = queries.shipment_under_way(therapy=self.kwargs["therapy"], by=self.actor)
        if found is None or found.holder != self.actor.party:
            raise Conflict("Your organisation does not hold this shipment, so it reports no problem with it.")
        self.line = found
        self.due_at = queries.arrival_due_at(therapy=self.kwargs["therapy"], by=self.actor)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request, "due_at": self.due_at}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "line": self.line,
            "therapy": self.line.therapy,
            "party_names": party_names(),
            "back_url": reverse("job", args=[self.kwargs["therapy"]]),
        }

    def act(self, form: ActionForm) -> Done:
        operations.report_problem(
            therapy=self.kwargs["therapy"],
            problem=form.cleaned_data["problem"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
            occurred_at=form.cleaned_data["occurred_at"],
            expected_at=form.cleaned_data["expected_at"],
        )
        return Done(reverse("job", args=[self.kwargs["therapy"]]), "Reported. Centre and maker have been told.")
