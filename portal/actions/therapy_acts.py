"""Small acts on a therapy: the payer's decision, ending it, and its readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.urls import reverse

from custody.contract.lifecycle import CANCEL_REASONS, FAIL_REASONS
from custody.reimbursement import queries as reimbursement
from custody.telemetry import operations as telemetry
from custody.therapies import operations as therapies
from custody.therapies import queries
from custody.therapies.values import ValuesRefused
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done
from portal.actions.custody_steps import OwnScreen
from portal.actions.step_form import StepForm
from portal.actions.steps import at_fields
from portal.presenters.money import milestone, money
from portal.presenters.therapies import ENDED_WORDS


class DecisionForm(StepForm):
    """Approve or decline; declining ends the therapy."""

    decision = forms.ChoiceField(
        label="Decision",
        choices=[("approve", "Approve"), ("decline", "Decline, which ends the therapy")],
        widget=forms.RadioSelect,
        error_messages={"required": "Approve or decline."},
    )


class PayerDecisionView(OwnScreen):
    """The payer's approval."""

    template_name: ClassVar[str] = "steps/decision.html"
    kind = "payer_approval"
    form_class = DecisionForm

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.kwargs.setdefault("step", "")

    def prepare(self) -> None:
        protocol = queries.protocol_of_therapy(therapy=self.kwargs["therapy"], by=self.actor)
        step = protocol.step_of_kind("payer_approval")
        self.kwargs["step"] = step.code if step else ""
        super().prepare()

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        protocol, therapy = self.journey.protocol, self.journey.therapy.id
        return dict(super().page(form)) | {
            "price": money(protocol.price_minor, protocol.currency),
            "milestones": [milestone(one) for one in reimbursement.milestones_of(therapy=therapy, by=self.actor)],
            "protocol_version": protocol.version,
        }

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, DecisionForm)
        approved = form.cleaned_data["decision"] == "approve"
        try:
            record = therapies.decide_payer(
                therapy=self.journey.therapy.id,
                approved=approved,
                values=form.values,
                by=first_signer(self.request, form),
                at=self.at,
                key=form.key,
            )
        except ValuesRefused as refused:
            raise at_fields(refused, form) from None
        return self.done(
            "Approved. The centre has been told." if approved else "Declined. The therapy has ended.", record
        )


class EndForm(SigningMixin, ActionForm):
    """How and why a therapy ends."""

    how = forms.ChoiceField(
        label="How does it end?",
        choices=[("cancelled", "Cancelled"), ("failed", "Failed")],
        widget=forms.RadioSelect,
        error_messages={"required": "Say how it ends."},
    )
    reason = forms.ChoiceField(
        label="Reason",
        choices=[
            ("", "Choose"),
            ("Cancelled", [(code, ENDED_WORDS[code].capitalize()) for code in sorted(CANCEL_REASONS)]),
            ("Failed", [(code, ENDED_WORDS[code].capitalize()) for code in sorted(FAIL_REASONS)]),
        ],
        error_messages={"required": "Give the reason."},
    )


class EndView(ActionView):
    """End a therapy before its infusion."""

    template_name: ClassVar[str] = "journeys/end.html"
    form_class = EndForm

    def prepare(self) -> None:
        self.journey = queries.journey(therapy=self.kwargs["therapy"], by=self.actor)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "therapy": self.journey.therapy,
            "back_url": reverse("therapy", args=[self.journey.therapy.id]),
            "slots": self.journey.state["slots"],
        }

    def act(self, form: ActionForm) -> Done:
        therapy = self.journey.therapy.id
        therapies.end_therapy(
            therapy=therapy,
            how=form.cleaned_data["how"],
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(reverse("therapy", args=[therapy]), "The therapy has ended, and everyone who takes part is told.")


class CommitReadingsView(ActionView):
    """Commit a received leg's readings; a button on the acceptance's page."""

    def act(self, form: ActionForm) -> Done:
        therapy, leg = self.kwargs["therapy"], self.kwargs["leg"]
        lost = self.request.POST.get("lost") == "on"
        telemetry.commit_readings(therapy=therapy, leg=leg, by=self.actor, at=self.at, key=form.key, lost=lost)
        back = self.request.POST.get("back", "")
        url = reverse("therapy", args=[therapy])
        known = (url, reverse("batch", args=[therapy]))
        return Done(
            back if back.startswith(known) else url, "Readings committed: what the logger measured is on record."
        )
