"""What patients ask for beside erasure: a correction, a restriction of use, and a copy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from custody.contract import rights
from custody.rights import copying, correcting, restricting
from ledger.clock import now
from ledger.errors import BadInput
from portal.accounts.actors import actor_of
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, Done
from portal.actions.identity_form import IdentityForm
from portal.patients import presenter
from portal.patients.base import PatientActView


class CorrectForm(SigningMixin, IdentityForm):
    """The identity as it should stand, and why it did not."""

    contact = forms.CharField(label="Contact", max_length=200, required=False)
    reason = forms.ChoiceField(
        label="Why?",
        choices=list(rights.CORRECTIONS.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Say why. It stands on the ledger; the values do not."},
    )
    compared = forms.BooleanField(
        label="I have compared this with the hospital’s own record",
        error_messages={"required": "Compare with the hospital’s own record first: a wrong identity can cost a life."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["record_number"].help_text = "As on the wristband."
        self.fields["weight_kg"].unit = "kg"  # type: ignore[attr-defined]


class RestrictForm(SigningMixin, ActionForm):
    """Why the use of the data is restricted."""

    ground = forms.ChoiceField(
        label="On which ground?",
        choices=list(rights.GROUNDS.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Give the ground. It stands on the ledger."},
    )


class LiftForm(SigningMixin, ActionForm):
    """When the patient was told that the restriction ends."""

    told_on = forms.DateField(
        label="The patient was told on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "Tell the patient first (GDPR art. 18(3)), and give the day."},
    )


class CopyForm(SigningMixin, ActionForm):
    """That the right person is given the copy."""

    identified = forms.BooleanField(
        label="I have made sure that it is the patient, or who may act for the patient, who gets it",
        error_messages={"required": "Make sure who gets it: the copy holds everything."},
    )


class CorrectView(PatientActView):
    """Correct who the patient is."""

    form_class = CorrectForm
    way = "correction"
    template_name: ClassVar[str] = "patients/correct.html"

    def initial(self) -> Mapping[str, Any]:
        known = self.patient.identity
        if known is None:
            return {}
        names = ("given_name", "family_name", "birth_date", "record_number", "weight_kg", "contact")
        return {name: getattr(known, name) for name in names}

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, CorrectForm)
        correcting.correct_identity(
            patient=self.patient.id,
            identity=form.identity,
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(self.back, "Corrected. The former value stays under seal, with your name and the reason.")


class RestrictView(PatientActView):
    """Restrict the use of the patient's data."""

    way = "restriction"

    form_class = RestrictForm
    template_name: ClassVar[str] = "patients/restrict.html"

    def act(self, form: ActionForm) -> Done:
        restricting.restrict(
            patient=self.patient.id,
            ground=form.cleaned_data["ground"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(self.back, "Restricted. It is kept, and used only where the law lets it.")


class LiftView(PatientActView):
    """End the restriction."""

    form_class = LiftForm
    template_name: ClassVar[str] = "patients/lift.html"

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"patient": self.patient, "restriction": presenter.acts([self.patient.restriction], self.at, None)}

    def act(self, form: ActionForm) -> Done:
        told = timezone.make_aware(datetime.combine(form.cleaned_data["told_on"], time()))
        if told > self.at:
            raise BadInput("This day has not come yet. Tell the patient first.", field="told_on")
        restricting.lift(
            patient=self.patient.id,
            told_at=told,
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(self.back, "Lifted. The data is used as before.")


class CopyView(PatientActView):
    """Give the patient a copy."""

    way = "copy"

    form_class = CopyForm
    template_name: ClassVar[str] = "patients/copy.html"

    def act(self, form: ActionForm) -> Done:
        by = first_signer(self.request, form)
        copying.give_copy(patient=self.patient.id, by=by, at=self.at, key=form.key)
        return Done(self.back + "#rights", "Written down. Fetch the file within an hour; it is stored nowhere.")


@require_safe
def copy_file(request: HttpRequest, copy: UUID) -> HttpResponse:
    """The copy as a file, made now."""
    held = copying.content(copy=copy, by=actor_of(request), at=now())
    made = copying.packed(held, words=presenter.copy_words())
    headers = {"Content-Disposition": f'attachment; filename="your-data-{copy}.zip"', "Cache-Control": "no-store"}
    return HttpResponse(made, content_type="application/zip", headers=headers)
