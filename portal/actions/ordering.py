"""Ordering a therapy: patient, therapy, payer and consent on one page; then the slot chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from custody.contract.comparing import HeldTo
from custody.patients import access_log
from custody.patients.operations import AlreadyEnrolled, enrol_patient
from custody.patients.queries import identities
from custody.protocols.queries import protocol as protocol_of
from custody.protocols.queries import protocols
from custody.therapies.operations import order_therapy
from custody.therapies.values import ValuesRefused
from ledger.errors import BadInput
from ledger.parties.queries import parties, party
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done
from portal.actions.identity_form import IdentityForm
from portal.actions.step_form import StepValues
from portal.actions.steps import at_fields


class OrderForm(StepValues, SigningMixin, IdentityForm):
    """Who, which therapy, who pays; and what the therapy's own protocol asks at the order."""

    payer = forms.ChoiceField(label="Payer")
    eligible = forms.BooleanField(
        label="The patient is eligible under this protocol",
        error_messages={"required": "A therapy is ordered only for an eligible patient."},
    )
    consent = forms.BooleanField(
        label="The patient has consented in writing",
        error_messages={"required": "A therapy is ordered only with the patient's consent."},
    )

    def __init__(self, *args: Any, request: HttpRequest, protocol: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, request=request, **kwargs)
        self.protocol = protocol
        self.step = protocol.steps[0]
        self.held_to = HeldTo({}, protocol, self.step)
        payers = sorted(parties("payer"), key=lambda payer: (payer.country != country, payer.name))
        self.fields["payer"].initial = str(payers[0].id) if payers else None
        self.fields["payer"].choices = [(str(payer.id), payer.name) for payer in payers]  # type: ignore[attr-defined]
        self.fields["weight_kg"].unit = "kg"  # type: ignore[attr-defined]
        self.ask_values()

    def clean(self) -> dict[str, Any] | None:
        """What the protocol does not take is said with the rest."""
        cleaned = super().clean()
        self.check_values()
        return cleaned

    def name_of(self, code: str) -> str:
        """The weight is asked once, as the patient's."""
        return "weight_kg" if code == "weight" else super().name_of(code)

    @property
    def value_fields(self) -> list[forms.BoundField]:
        """What stands with the order; the weight stands with the patient."""
        return [self[self.name_of(field.code)] for field in self.asked if field.code != "weight"]


class OrderView(ActionView):
    """One page from patient to order."""

    form_class = OrderForm
    template_name: ClassVar[str] = "orders/order.html"

    def prepare(self) -> None:
        self.known = list(protocols())
        code = self.request.GET.get("protocol") or self.request.POST.get("protocol") or ""
        self.protocol = next((one for one in self.known if one.code == code), self.known[0] if self.known else None)
        if self.protocol is None:
            raise BadInput("No protocol is published yet. The consortium's steward publishes one first.")

    def initial(self) -> Mapping[str, Any]:
        """Who the patient is, when the order begins on a known patient's page."""
        text = self.request.GET.get("patient", "")
        try:
            patient = UUID(text)
        except ValueError:
            return {}
        with access_log.opened_for("order"):
            known = identities(by=self.actor, patient_ids=[patient]).get(patient)
        names = ("record_number", "given_name", "family_name", "birth_date", "weight_kg")
        return {name: getattr(known, name) for name in names} if known else {}

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request, "protocol": self.protocol, "country": party(self.actor.party).country}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"protocol": self.protocol, "protocols": self.known}

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, OrderForm)
        by = first_signer(self.request, form)
        try:
            patient = self._patient(form)
            record = order_therapy(
                patient=patient,
                protocol=form.protocol.digest,
                payer=UUID(form.cleaned_data["payer"]),
                consent=form.cleaned_data["consent"],
                eligible=form.cleaned_data["eligible"],
                values=form.values,
                by=by,
                at=self.at,
                key=form.key,
            )
        except ValuesRefused as refused:
            raise at_fields(refused, form) from None
        return Done(
            reverse("therapy", args=[record.chain.subject]),
            f"{protocol_of(form.protocol.digest).title} ordered. The payer has been asked.",
        )

    def _patient(self, form: OrderForm) -> UUID:
        """The patient, enrolled now or known already by the record number and the very same birth date and name."""
        try:
            return enrol_patient(identity=form.identity, by=self.actor, at=self.at, key=f"enrol-{form.key}"[:90]).id
        except AlreadyEnrolled as known:
            held = identities(by=self.actor, patient_ids=[known.patient]).get(known.patient)
            same = held is not None and (
                held.birth_date == form.identity.birth_date
                and held.family_name.casefold() == form.identity.family_name.strip().casefold()
            )
            if not same:
                raise
            return known.patient
