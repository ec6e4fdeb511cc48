"""What was corrected of who a patient is, with the values before and after, for those who may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from custody.disclosures.fields import IDENTITY_TITLES
from custody.patients import access_log, permissions
from custody.patients.models import Patient, PatientAct
from custody.patients.queries import TABLE
from custody.patients.restriction import open_to
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy
from ledger.privacy.errors import NothingSealed, SubjectErased

ERASED = "erased"


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """One field, before and after; its `repr` shows nothing."""

    title: str
    before: str
    after: str

    def __repr__(self) -> str:
        return "Change(…)"


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction; `id` is its record. `changes` has values where `opens`, for who may know them; else titles."""

    id: UUID
    at: datetime
    by: UUID
    reason: str
    opens: bool
    changes: tuple[Change, ...]


def corrections(*, patient: UUID, by: Actor) -> list[Correction]:
    """Every correction of a patient of the actor's centre, the last first."""
    rows = PatientAct.objects.filter(patient_id=patient, holder_id=by.party, kind="corrected").order_by("-at")
    opens = _opens(patient, by)
    return [_correction(row, by, opens) for row in rows]


def of_record(*, record: UUID, by: Actor) -> Correction | None:
    """The correction that this record made, if it is one of the actor's centre; opening it is a look."""
    row = PatientAct.objects.filter(pk=record, holder_id=by.party, kind="corrected").first()
    if row is None:
        return None
    opens = _opens(row.patient_id, by)
    if opens:
        access_log.note(by=by, patients=[row.patient_id], centre=by.party)
    return _correction(row, by, opens)


def _opens(patient: UUID, by: Actor) -> bool:
    if not by.may(permissions.READ) or by.party_kind != "treatment_centre":
        return False
    return Patient.objects.filter(open_to(by), pk=patient, centre=by.party).exists()


def _correction(row: PatientAct, by: Actor, opens: bool) -> Correction:
    changes = (
        Change(
            IDENTITY_TITLES.get(name, name),
            _value(row, name, made["was"], by) if opens else "",
            _value(row, name, made["is"], by) if opens else "",
        )
        for name, made in row.changes.items()
    )
    return Correction(row.pk, row.at, row.by, row.reason, opens, tuple(changes))


def _value(row: PatientAct, field: str, commitment: str, by: Actor) -> str:
    """The value under this commitment, or a word where it was erased."""
    try:
        return privacy.reveal(table=TABLE, row=str(row.patient_id), field=field, by=by, commitment=commitment).value
    except (NothingSealed, SubjectErased):
        return ERASED
