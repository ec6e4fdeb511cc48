"""Finding a patient, the patient's page, and the acts of an erasure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from custody.contract import erasure
from custody.disclosures import queries as disclosures
from custody.patients import erasing, overview
from custody.patients.access_log import together
from custody.patients.queries import find_by_record_number
from custody.rights.corrections import corrections
from ledger.clock import now
from ledger.errors import BadInput
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done, fresh_key
from portal.disclosures import presenter as disclosing
from portal.patients import presenter
from portal.patients.base import PatientActView


class FindForm(ActionForm):
    """The record number, whole. It is sent in the form's body: an address stays in histories and logs."""

    record_number = forms.CharField(
        label="Record number",
        max_length=24,
        help_text="The whole number, as on the wristband.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class FindView(ActionView):
    """Finds a patient of the centre by the exact record number."""

    form_class = FindForm
    template_name: ClassVar[str] = "patients/find.html"

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"centre": party_names().get(self.actor.party, "")}

    def act(self, form: ActionForm) -> Done:
        found = find_by_record_number(by=self.actor, record_number=form.cleaned_data["record_number"])
        if found is None:
            raise BadInput(
                "No patient of your centre has this record number. Check it against the wristband.",
                field="record_number",
            )
        return Done(reverse("patient", args=[found.pk]))


@require_safe
def patient(request: HttpRequest, patient: UUID) -> HttpResponse:
    """Who the patient is, what is kept, who can see what, and who looked."""
    actor = actor_of(request)
    found = overview.overview(patient=patient, by=actor)
    names = party_names()
    context = {
        "patient": found,
        "erasures": presenter.erasures(found.erasures),
        "looks": presenter.together(together(found.looks, timezone.get_current_timezone()), names),
        "most_looks": overview.LOOKS if len(found.looks) == overview.LOOKS else 0,
        "shares": disclosing.views(disclosures.of_patient(patient=patient, by=actor), names, now()),
        "may_share": actor.may("patient.share"),
        "names": names,
        "corrections": presenter.corrections(corrections(patient=patient, by=actor)),
        "acts": presenter.acts(found.acts, now(), actor.person),
        "may_order": actor.may("therapy.order"),
        "may_correct": actor.may("patient.correct"),
        "has_rights": actor.may("patient.rights"),
        "may_erase": actor.may("patient.erase"),
        "sees": actor.may("patient.read"),
        "is_asker": found.waiting is not None and found.waiting.asked_by == actor.person,
        "withdraw_key": fresh_key(),
        "checked_at": now(),
    }
    return render(request, "patients/patient.html", context)


@require_safe
def erasures(request: HttpRequest) -> HttpResponse:
    """Erasures that wait for a second person."""
    actor = actor_of(request)
    found = overview.waiting_erasures(by=actor)
    context = {"erasures": presenter.erasures(found), "own": actor.person, "checked_at": now()}
    return render(request, "patients/erasures.html", context)


class AskForm(SigningMixin, ActionForm):
    """Why a patient is to be erased."""

    reason = forms.ChoiceField(
        label="Why?",
        choices=list(erasure.REASONS.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Give the reason. It stands on the ledger."},
    )


class ConfirmForm(SigningMixin, ActionForm):
    """The second person's yes."""

    sure = forms.BooleanField(
        label="I have checked that this is the right patient",
        error_messages={"required": "Tick this: what is erased cannot be brought back."},
    )


class _ErasureView(PatientActView):
    """An act on one patient's erasure."""

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        waiting = self.patient.waiting
        shown = presenter.erasures([waiting])[0] if waiting else None
        return {"patient": self.patient, "waiting": shown, "own": self.actor.person, "scopes": presenter.SCOPES}


class AskView(_ErasureView):
    """Ask for the erasure."""

    form_class = AskForm
    template_name: ClassVar[str] = "patients/ask.html"

    def act(self, form: ActionForm) -> Done:
        erasing.ask_erasure(
            patient=self.patient.id,
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(self.back, "Asked for. Another person of your centre has to confirm it.")


class ConfirmView(_ErasureView):
    """Confirm it: now everything is destroyed."""

    form_class = ConfirmForm
    way = "erasure"
    template_name: ClassVar[str] = "patients/confirm.html"

    def act(self, form: ActionForm) -> Done:
        erasing.confirm_erasure(patient=self.patient.id, by=first_signer(self.request, form), at=self.at, key=form.key)
        return Done(self.back, "Erased. Nothing of it can be brought back, also not from a backup.")


class WithdrawView(_ErasureView):
    """Take the request back; a button on the patient's page."""

    form_class = ActionForm

    def form_arguments(self) -> Mapping[str, Any]:
        return {}

    def act(self, form: ActionForm) -> Done:
        erasing.withdraw_erasure(patient=self.patient.id, by=self.actor, at=self.at, key=form.key)
        return Done(self.back, "Withdrawn. Nothing was erased.")
