"""The fields that say who a patient is, as an order and a correction ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from custody.patients.identity import PatientIdentity, faults
from portal.actions.base import ActionForm


class Kilograms(forms.DecimalField):
    """A weight, with a point or a comma before its decimal."""

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        return super().to_python(value.strip().replace(",", ".") if isinstance(value, str) else value)


SOMEBODY: Mapping[str, Any] = {
    "given_name": "A",
    "family_name": "A",
    "birth_date": date(2000, 1, 1),
    "record_number": "0000",
    "weight_kg": Decimal(70),
}
"""What stands in for a field that was refused already, while the others are looked at."""


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

    def clean(self) -> dict[str, Any] | None:
        """Everything that cannot be right, at once: what has no form yet keeps nothing else from being looked at."""
        cleaned = super().clean()
        given = {name: self.cleaned_data[name] for name in SOMEBODY if name in self.cleaned_data}
        identity = PatientIdentity(**{**SOMEBODY, **given, "contact": self.cleaned_data.get("contact", "")})
        for field, sentence in faults(identity, today=timezone.localdate()).items():
            self.add_error(field if field in self.fields else None, sentence)
        return cleaned

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
