"""Small acts on a therapy: the payer's decision, the label, ending it, and its readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.urls import reverse

from custody.contract.comparing import HeldTo
from custody.contract.lifecycle import CANCEL_REASONS, FAIL_REASONS, MOST_LABELS
from custody.contract.worklist import held_reason
from custody.labels import operations as labels
from custody.labels.barcode import datamatrix_svg
from custody.labels.models import Label
from custody.reimbursement import queries as reimbursement
from custody.telemetry import operations as telemetry
from custody.therapies import operations as therapies
from custody.therapies import queries
from custody.therapies.values import ValuesRefused
from ledger.errors import BadInput
from ledger.parties.queries import party_names
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions import halting
from portal.actions.base import ActionForm, ActionView, Done
from portal.actions.custody_steps import OwnScreen
from portal.actions.step_form import StepForm
from portal.actions.steps import at_fields
from portal.actions.stopping import StoppingView
from portal.presenters.labels import inline_svg
from portal.presenters.money import milestone, money
from portal.presenters.therapies import ENDED_WORDS

LONGEST_COUNT = 3
"""Digits of a number of labels that are read at all: Python refuses to read thousands."""
LABEL_REASONS = [
    ("damaged", "The label is damaged"),
    ("lost", "The label is lost"),
    ("unreadable", "The label cannot be read"),
    ("second_bag", "There is a second bag"),
]


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


class LabelForm(StepForm):
    """The first print, with what the protocol asks, or a reprint with its reason. Either way a printed one is scanned:
    what is signed is that it was compared.
    """

    reason = forms.ChoiceField(
        label="Why print again?",
        choices=[("", "Choose"), *LABEL_REASONS],
        error_messages={"required": "Give the reason of the reprint."},
    )
    copies = forms.IntegerField(
        label="How many labels?",
        min_value=1,
        max_value=MOST_LABELS,
        initial=1,
        help_text="One for each bag and each paper. More than one carry their number: 1 of 2, 2 of 2.",
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Say how many: 1 to {MOST_LABELS}."
        ),
    )

    def __init__(self, *args: Any, again: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not again:
            del self.fields["reason"]


class LabelView(StoppingView):
    """The chain-of-identity label: printed on paper, scanned to compare, then signed."""

    template_name: ClassVar[str] = "labels/label.html"
    form_class = LabelForm

    def prepare(self) -> None:
        therapy: UUID = self.kwargs["therapy"]
        self.journey = queries.journey(therapy=therapy, by=self.actor)
        step = self.journey.protocol.step_of_kind("label")
        if step is None:
            raise BadInput("This therapy's protocol has no label to print.")
        self.step = step
        self.printed = list(Label.objects.filter(therapy_id=therapy).order_by("serial"))

    def form_arguments(self) -> Mapping[str, Any]:
        asked = replace(self.step, scans=("label",), fields=() if self.printed else self.step.fields)
        coi = self.journey.therapy.coi
        held_to = HeldTo(self.journey.state, self.journey.protocol, asked)
        return {
            "request": self.request,
            "step": asked,
            "coi": coi,
            "timed": False,
            "held_to": held_to,
            "again": bool(self.printed),
        }

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "therapy": self.journey.therapy,
            "journey": self.journey,
            "step": self.step,
            "printed": self.printed,
            "copies": range(1, self._copies(form) + 1),
            "barcode": inline_svg(
                datamatrix_svg(self.journey.therapy.coi), words=f"DataMatrix of {self.journey.therapy.coi}"
            ),
            "centre": party_names().get(self.journey.therapy.centre, ""),
            "reasons": dict(LABEL_REASONS),
            "ready": any(task.step == self.step.code and task.mine for task in self.journey.tasks),
            "halted": held_reason(self.journey.state, self.step) != "",
            "back_url": reverse("therapy", args=[self.journey.therapy.id]),
        }

    def initial(self) -> Mapping[str, Any]:
        return {"copies": self.request.GET.get("copies") or 1}

    def _copies(self, form: ActionForm) -> int:
        """How many labels the page shows to the printer."""
        asked = str(form["copies"].value() or "")
        is_number = asked.isascii() and asked.isdecimal() and len(asked) <= LONGEST_COUNT
        return min(max(int(asked), 1), MOST_LABELS) if is_number else 1

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, LabelForm)
        copies = form.cleaned_data["copies"]
        by = first_signer(self.request, form)
        therapy = self.journey.therapy.id
        record = None
        if self.printed:
            reason = form.cleaned_data["reason"]
            labels.reprint_label(therapy=therapy, reason=reason, copies=copies, by=by, at=self.at, key=form.key)
        else:
            try:
                record = labels.print_label(
                    therapy=therapy, values=form.values, copies=copies, by=by, at=self.at, key=form.key
                )
            except ValuesRefused as refused:
                raise at_fields(refused, form) from None
        done = Done(reverse("therapy_label", args=[therapy]), "On the ledger: printed, and compared by scan.")
        return halting.after(record, done) if record is not None else done


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
