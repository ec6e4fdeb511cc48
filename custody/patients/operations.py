"""Enrolling a patient: the pseudonym is made, the identity sealed. The order's record then commits to it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from custody.patients import permissions
from custody.patients.identity import PatientIdentity, checked, to_fields
from custody.patients.models import Patient
from custody.patients.queries import TABLE, record_number_index, record_number_indexes
from ledger.errors import BadInput, Conflict
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from ledger.privacy import installation
from ledger.privacy import operations as privacy
from ledger.privacy.models import Purpose


class AlreadyEnrolled(Conflict):
    """A patient with this record number is enrolled at this centre; `patient` is the one."""

    def __init__(self, patient: UUID) -> None:
        super().__init__(
            "A patient with this record number is enrolled already, with another name or birth date. Find that patient "
            "by the number and order from there; if it is somebody else, check the number on the wristband.",
            field="record_number",
        )
        self.patient = patient


class EnrolmentKeyReused(Conflict):
    """An idempotency key came back with another record number."""


def enrol_patient(*, identity: PatientIdentity, by: Actor, at: datetime, key: str) -> Patient:
    """Make a patient of the actor's centre, with a key of its own and the identity sealed under it.

    The same `key` again gives the same patient. Raises NotPermitted, InvalidIdentity, AlreadyEnrolled,
    EnrolmentKeyReused.
    """
    permissions.check_enrol(by)
    if not 8 <= len(key) <= 90:
        raise BadInput("Send an idempotency key of 8 to 90 characters.", field="key")
    centre = Party.objects.get(pk=by.party)
    tidy = checked(identity, today=at.astimezone(ZoneInfo(centre.time_zone)).date())
    index = record_number_index(centre=by.party, record_number=tidy.record_number)
    try:
        with transaction.atomic():
            # While the index's key is rotated the patient may stand under the old one, where no constraint looks.
            if _taken(by, tidy.record_number):
                raise IntegrityError
            return _enrol(tidy, index=index, by=by, at=at, key=key)
    except IntegrityError:
        # Somebody enrolled this patient, or this very request, since the page was opened.
        return _prior(number=tidy.record_number, by=by, key=key)


def _taken(by: Actor, record_number: str) -> bool:
    indexes = record_number_indexes(centre=by.party, record_number=record_number)
    return len(indexes) > 1 and Patient.objects.filter(centre=by.party, record_number_index__in=indexes).exists()


def _enrol(tidy: PatientIdentity, *, index: str, by: Actor, at: datetime, key: str) -> Patient:
    subject = privacy.create_subject(holder=by.party, at=at)
    patient = Patient(
        id=subject,
        centre_id=by.party,
        record_number_index=index,
        index_version=installation.in_force(Purpose.INDEX).version,
        enrolment_key=key,
        created_at=at,
    )
    patient.save(force_insert=True)
    privacy.seal_fields(subject=subject, table=TABLE, row=str(subject), values=to_fields(tidy), by=by, at=at)
    return patient


def _prior(*, number: str, by: Actor, key: str) -> Patient:
    indexes = record_number_indexes(centre=by.party, record_number=number)
    repeated = Patient.objects.filter(centre=by.party, enrolment_key=key).first()
    if repeated is None:
        raise AlreadyEnrolled(Patient.objects.get(centre=by.party, record_number_index__in=indexes).id)
    if repeated.record_number_index not in indexes:
        raise EnrolmentKeyReused("This form was sent before with another record number. Open a new form.")
    return repeated
