"""Correcting a value of a step that is on record: what stands, what is right, why, and two signatures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.urls import reverse

from custody.contract.comparing import HeldTo
from custody.contract.corrections import REASONS
from custody.exceptions import queries as exceptions
from custody.protocols.document import Step
from custody.therapies import correcting, queries
from custody.therapies.queries import Journey
from custody.therapies.steps import StepUnknown
from custody.therapies.values import ValuesRefused
from ledger.errors import NotPermitted
from portal.accounts.roles import ROLES
from portal.accounts.signed_forms import SecondPersonMixin
from portal.actions import halting
from portal.actions.base import ActionForm, ActionView, Done, both_signers
from portal.actions.step_form import StepValues
from portal.actions.steps import at_fields


class CorrectStepForm(StepValues, SecondPersonMixin, ActionForm):
    """Every value of the step as it should stand, and why one did not."""

    reason = forms.ChoiceField(
        label="Why?",
        choices=list(REASONS.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Say why. It stands on the ledger, beside the former value."},
    )

    def __init__(self, *args: Any, step: Step, held_to: HeldTo, standing: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.step, self.held_to, self.standing = step, held_to, standing
        self.ask_values()

    def clean(self) -> dict[str, Any] | None:
        """What the protocol does not take is said with the rest."""
        cleaned = super().clean()
        self.check_values()
        return cleaned


class CorrectStepView(ActionView):
    """The page that corrects one step."""

    form_class = CorrectStepForm
    template_name: ClassVar[str] = "steps/correct.html"
    journey: Journey
    step: Step

    def prepare(self) -> None:
        self.journey = queries.journey(therapy=self.kwargs["therapy"], by=self.actor)
        step = self.journey.protocol.step(self.kwargs["step"])
        if step is None:
            raise StepUnknown("This therapy's protocol has no such step.")
        self.step = step
        self.may = correcting.may_correct(journey=self.journey, step=step, by=self.actor)
        if not self.may and self.actor.role not in step.roles:
            who = " or ".join(ROLES[role].name.lower() for role in step.roles)
            raise NotPermitted(f"“{step.title}” is corrected by those who may sign it: {who}. Nothing was recorded.")

    def form_arguments(self) -> Mapping[str, Any]:
        return {
            "step": self.step,
            "request": self.request,
            "held_to": HeldTo(self.journey.state, self.journey.protocol, self.step),
            "standing": self.standing,
        }

    @cached_property
    def standing(self) -> Mapping[str, str]:
        """What stands now; nothing for those who may not correct it."""
        if not self.may:
            return {}
        return correcting.present_values(
            therapy=self.journey.therapy.id, step=self.step, protocol=self.journey.protocol, by=self.actor
        )

    def initial(self) -> Mapping[str, Any]:
        return {f"value_{code}": value for code, value in self.standing.items()}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "therapy": self.journey.therapy,
            "step": self.step,
            "may": self.may,
            "why_not": correcting.reason_not(journey=self.journey, step=self.step),
            "second_roles": [ROLES[code].name for code in self.step.second_roles or self.step.roles],
            "back": self.back,
        }

    @property
    def back(self) -> str:
        if self.actor.party_kind == "manufacturer":
            return reverse("batch", args=[self.journey.therapy.id]) + f"#step-{self.step.code}"
        return reverse("therapy", args=[self.journey.therapy.id])

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, CorrectStepForm)
        by, second = both_signers(self.request, form, roles=self.step.second_roles or self.step.roles)
        try:
            record = correcting.correct_step(
                therapy=self.journey.therapy.id,
                step=self.step.code,
                values=form.values,
                reason=form.cleaned_data["reason"],
                by=by,
                second=second,
                at=self.at,
                key=form.key,
            )
        except ValuesRefused as refused:
            raise at_fields(refused, form) from None
        said = "corrected. The former value stays on record."
        if exceptions.is_opened_beside(record=record):
            said += " It is out of limits, or contradicts a later step: an exception is open for it."
        done = Done(self.back, f"{self.step.title}: {said}")
        return halting.after(record, done)
