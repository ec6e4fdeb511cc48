"""The form of a step that has its day: on another one than booked, it asks whether that is so before anybody signs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from custody.contract.comparing import HeldTo
from custody.therapies.off_plan import OffPlan, off_plan
from ledger.clock import now
from portal.actions.step_form import StepForm, VerifiedStepForm


class OtherDay(forms.Form):
    """The tick that is asked for, and what is said beside it."""

    def __init__(self, *args: Any, held_to: HeldTo, **kwargs: Any) -> None:
        super().__init__(*args, held_to=held_to, **kwargs)  # type: ignore[call-arg]
        self.therapy = held_to
        is_collection = held_to.step.kind == "collection"
        self.fields["other_day"] = forms.BooleanField(
            label=f"It {'was collected' if is_collection else 'is done'} on another day than booked", required=False
        )

    @property
    def off(self) -> OffPlan | None:
        """How far from the booked day: by the times entered, else now."""
        given = getattr(self, "cleaned_data", {})
        ended: datetime = given.get("occurred_at") or now()
        therapy = self.therapy
        return off_plan(therapy.state, therapy.protocol, therapy.step, given.get("started_at") or ended, ended)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        off = self.off
        if off is not None and not cleaned.get("other_day"):
            self.add_error("other_day", f"{off.finding}. Check the times; if they are right, tick this.")
        return cleaned


class DatedForm(OtherDay, StepForm):
    pass


class VerifiedDatedForm(OtherDay, VerifiedStepForm):
    pass


def dated_form(*, verified: bool) -> type[StepForm]:
    return VerifiedDatedForm if verified else DatedForm
