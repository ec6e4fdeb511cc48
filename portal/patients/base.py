"""What every act on one patient shares: the patient, and the page that it leads back to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import reverse

from custody.patients import overview
from custody.patients.overview import Overview
from portal.actions.base import ActionForm, ActionView


class PatientActView(ActionView):
    """An act on one patient of the actor's centre."""

    patient: Overview
    way: ClassVar[str] = ""
    """Where the identity is written down as opened; empty on pages that do not show it."""

    def prepare(self) -> None:
        self.patient = overview.overview(patient=self.kwargs["patient"], by=self.actor, way=self.way)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"patient": self.patient}

    @property
    def back(self) -> str:
        return reverse("patient", args=[self.patient.id])
