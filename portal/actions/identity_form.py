"""The fields that say who a patient is, as an order and a correction ask for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from custody.patients.identity import PatientIdentity
from portal.actions.base import ActionForm


class Kilograms(forms.DecimalField):
    """A weight, with a point or a comma before its decimal."""

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        return super().to_python(value.strip().replace(",", ".") if isinstance(value, str) else value)


class IdentityForm(ActionForm):
    """Record number, names, birth date and weight in kilograms."""

    record_number = forms.CharField(
        label="Record number", max_length=24, help_text="As on the wristband. A known patient is found by it."
    )
    given_name = forms.CharField(label="Given name", max_length=100)
    family_name = forms.CharField(label="Family name", max_length=100)
    birth_date = forms.DateField(label="Born", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    weight_kg = Kilograms(
        label="Weight",
        max_digits=5,
        decimal_places=1,
        localize=False,
        error_messages={"invalid": "Enter the weight as a number, such as 71.5."},
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )

    @property
    def identity(self) -> PatientIdentity:
        given = self.cleaned_data
        return PatientIdentity(
            given_name=given["given_name"],
            family_name=given["family_name"],
            birth_date=given["birth_date"],
            record_number=given["record_number"],
            weight_kg=given["weight_kg"],
            contact=given.get("contact", ""),
        )
