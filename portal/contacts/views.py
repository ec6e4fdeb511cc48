"""The administrator's page of the duty telephone number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.urls import reverse

from portal.actions.base import ActionForm, ActionView, Done
from portal.contacts import operations, queries
from portal.contacts.rules import MOST_CHARACTERS


class DutyNumberForm(ActionForm):
    """A number and the desk behind it."""

    number = forms.CharField(
        label="Telephone number",
        max_length=2 * MOST_CHARACTERS,
        required=False,
        help_text="With the country’s code, such as +44 20 7946 0123. Empty takes it off the pages.",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    desk = forms.CharField(
        label="Who answers",
        max_length=60,
        required=False,
        help_text="A desk, not a person, and when: “Cell lab, day and night”.",
    )


class DutyNumberView(ActionView):
    """Set it, change it, take it off."""

    form_class = DutyNumberForm
    template_name: ClassVar[str] = "contacts/duty_number.html"

    def initial(self) -> Mapping[str, Any]:
        held = queries.duty_number(self.actor.party)
        return {"number": held.number, "desk": held.desk} if held else {"desk": operations.DESK}

    def act(self, form: ActionForm) -> Done:
        held = operations.set_duty_number(
            number=form.cleaned_data["number"], desk=form.cleaned_data["desk"], by=self.actor, at=self.at
        )
        return Done(reverse("home"), f"Others call {held.number} now." if held else "Taken off. Nobody can call you.")
