"""Correcting who a patient is: a record that commits to the value before and after, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from custody.contract import erasure, rights
from custody.disclosures.operations import tell_of_correction
from custody.patients import access_log, permissions, queries
from custody.patients.identity import PatientIdentity, checked, to_fields
from custody.patients.models import Patient
from custody.patients.operations import AlreadyEnrolled
from custody.patients.queries import TABLE, record_number_indexes
from custody.patients.restriction import UseRestricted
from ledger.errors import BadInput
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from ledger.privacy import installation
from ledger.privacy import operations as privacy
from ledger.privacy.errors import SubjectErased
from ledger.privacy.models import Purpose
from ledger.privacy.queries import commitments_of


class NothingChanged(BadInput):
    """The identity that was sent is the one that stands."""


@operation
def correct_identity(
    *, patient: UUID, identity: PatientIdentity, reason: str, by: Actor, at: datetime, key: str
) -> Record:
    """Replace fields of the identity (a corrected name, a new weight); only those that differ get a new revision.

    The former values stay sealed and provable; who was shown one of them in a disclosure that still lasts is told.
    Raises NotPermitted, PatientNotFound, InvalidIdentity, NothingChanged, AlreadyEnrolled, SubjectErased,
    UseRestricted, Refused.
    """
    permissions.check_correct(by)
    queries.held_patient(by=by, patient=patient)
    row = Patient.objects.select_for_update().get(pk=patient)
    chain = open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, row.pk))
    changed = _changed(row, identity, by, at)
    before = commitments_of(table=TABLE, row=str(row.pk), fields=changed.keys())
    if "record_number" in changed:
        _renumber(row, changed["record_number"])
    after = privacy.seal_fields(subject=row.pk, table=TABLE, row=str(row.pk), values=changed, by=by, at=at)
    record = append(
        chain=chain,
        by=by,
        type=rights.CORRECTED,
        body={
            "patient": str(row.pk),
            "reason": reason,
            "identity": {name: one.digest for name, one in after.items()},
            "was": {name: before[name].digest for name in after},
        },
        meaning="identity corrected",
        occurred_at=at,
        at=at,
        key=key,
    )
    tell_of_correction(patient=row.pk, fields=changed.keys(), record=record.pk, at=at)
    return record


def _changed(row: Patient, identity: PatientIdentity, by: Actor, at: datetime) -> Mapping[str, str]:
    """The fields that differ from what stands. Raises InvalidIdentity, NothingChanged, SubjectErased."""
    if row.erased:
        raise SubjectErased("Part of this patient's data is erased: what traces the cells stays as it was.")
    centre = Party.objects.get(pk=by.party)
    tidy = checked(identity, today=at.astimezone(ZoneInfo(centre.time_zone)).date())
    with access_log.opened_for("correction"):
        found = queries.identities(by=by, patient_ids=[row.pk])
    if row.pk not in found:
        raise UseRestricted("The use of this patient's data is restricted. The data-protection officer corrects it.")
    known = to_fields(found[row.pk])
    changed = {name: value for name, value in to_fields(tidy).items() if known[name] != value}
    if not changed:
        raise NothingChanged("Nothing differs from what stands there. Change the field that is wrong.")
    return changed


def _renumber(row: Patient, record_number: str) -> None:
    """The row is found by its new record number. Raises AlreadyEnrolled when another patient has it."""
    indexes = record_number_indexes(centre=row.centre_id, record_number=record_number)
    row.record_number_index, row.index_version = indexes[0], installation.in_force(Purpose.INDEX).version
    others = Patient.objects.filter(centre=row.centre_id, record_number_index__in=indexes).exclude(pk=row.pk)
    try:
        with transaction.atomic():
            # While the index's key is rotated the other may stand under the old one, where no constraint looks.
            if len(indexes) > 1 and others.exists():
                raise IntegrityError
            row.save(update_fields=["record_number_index", "index_version"])
    except IntegrityError:
        raise AlreadyEnrolled(others.get().pk) from None
