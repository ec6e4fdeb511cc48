"""Reading patients: for the centre that holds them, and for roles that ever see who a patient is."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from custody.patients import access_log, permissions
from custody.patients.identity import FIELDS, PatientIdentity, from_fields, normalise_record_number
from custody.patients.models import Patient
from custody.patients.restriction import open_to
from ledger.errors import NotFound
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy
from ledger.privacy.indexes import blind_index, blind_indexes
from ledger.privacy.payloads import Commitment, Revealed

TABLE = "custody.patient"
COLUMN = "custody.patient.record_number"
NAME = ("given_name", "family_name")


class PatientNotFound(NotFound):
    """There is no such patient at the actor's centre."""


def record_number_index(*, centre: UUID, record_number: str) -> str:
    """The blind index of a record number at a centre, under the key in force."""
    return blind_index(column=COLUMN, scope=str(centre), value=normalise_record_number(record_number))


def record_number_indexes(*, centre: UUID, record_number: str) -> list[str]:
    """The same under every key that a row may still be under, while the key is rotated."""
    return blind_indexes(column=COLUMN, scope=str(centre), value=normalise_record_number(record_number))


def find_by_record_number(*, by: Actor, record_number: str) -> Patient | None:
    """The patient of the actor's centre with exactly this record number. Raises NotPermitted."""
    permissions.check_read(by)
    indexes = record_number_indexes(centre=by.party, record_number=record_number)
    return Patient.objects.filter(centre=by.party, record_number_index__in=indexes).first()


def held_patient(*, by: Actor, patient: UUID) -> Patient:
    """A patient of the actor's centre. Raises NotPermitted, PatientNotFound."""
    permissions.check_read(by)
    found = Patient.objects.filter(pk=patient, centre=by.party).first()
    if found is None:
        raise PatientNotFound("There is no such patient at your centre.")
    return found


def identities(*, by: Actor, patient_ids: Collection[UUID]) -> dict[UUID, PatientIdentity]:
    """Who these patients are, in three queries however many; those of other centres are not in the answer.

    Nor are those whose use is restricted, save for whom the restriction leaves open (`restriction`). Gives nobody (an
    empty answer, for screens that several roles share) to an actor who may never know.
    """
    return {patient: from_fields(values) for patient, values in _opened(by, patient_ids, FIELDS).items()}


def names(*, by: Actor, patient_ids: Collection[UUID]) -> dict[UUID, str]:
    """The names alone, for lists that show no more: nothing else is opened. The rest as in `identities`."""
    opened = _opened(by, patient_ids, NAME)
    return {patient: f"{values['given_name']} {values['family_name']}" for patient, values in opened.items()}


def _opened(by: Actor, patient_ids: Collection[UUID], fields: Collection[str]) -> dict[UUID, dict[str, str]]:
    if not by.may(permissions.READ) or by.party_kind != "treatment_centre":
        return {}
    held = Patient.objects.filter(open_to(by), pk__in=patient_ids, centre=by.party).values_list("pk", flat=True)
    opened = privacy.open_many(table=TABLE, rows=[str(id_) for id_ in held], by=by, fields=fields)
    access_log.note(by=by, patients=[UUID(row) for row in opened], centre=by.party)
    return {UUID(row): values for row, values in opened.items()}


def identity_commitments(*, patient: UUID, by: Actor) -> dict[str, Commitment]:
    """The commitments to the patient's identity, by field: for the order's record. Raises PatientNotFound."""
    held_patient(by=by, patient=patient)
    return privacy.commitments_of(table=TABLE, row=str(patient), fields=FIELDS)


def reveal_identity_field(*, patient: UUID, field: str, by: Actor, commitment: str | None = None) -> Revealed:
    """One field with its salt and path, to check against the commitment on the ledger. Raises PatientNotFound."""
    held_patient(by=by, patient=patient)
    access_log.note(by=by, patients=[patient], centre=by.party, way="field")
    return privacy.reveal(table=TABLE, row=str(patient), field=field, by=by, commitment=commitment)
