"""The collection's form: on another day than booked, it asks whether that is so before anybody signs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from custody.therapies.off_plan import OffPlan, off_plan
from ledger.clock import now
from portal.actions.step_form import StepForm, VerifiedStepForm


class OtherDay(forms.Form):
    """The tick that is asked for, and what is said beside it. `state` is the therapy's."""

    def __init__(self, *args: Any, state: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state = state
        self.fields["other_day"] = forms.BooleanField(
            label="It was collected on another day than booked", required=False
        )

    @property
    def off(self) -> OffPlan | None:
        """How far from the booked day: by the times entered, else now."""
        given = getattr(self, "cleaned_data", {})
        ended: datetime = given.get("occurred_at") or now()
        return off_plan(self.state, self.step, given.get("started_at") or ended, ended)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        off = self.off
        if off is not None and not cleaned.get("other_day"):
            self.add_error("other_day", f"{off.finding}. Check the times; if they are right, tick this.")
        return cleaned


class CollectionForm(OtherDay, StepForm):
    pass


class VerifiedCollectionForm(OtherDay, VerifiedStepForm):
    pass


def collection_form(*, verified: bool) -> type[StepForm]:
    return VerifiedCollectionForm if verified else CollectionForm
