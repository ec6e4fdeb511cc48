"""Reading emergency accesses, and the identity that one lets its person see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from custody.emergency.models import EmergencyAccess
from custody.emergency.operations import AccessUnknown
from custody.patients import access_log
from custody.patients.identity import FIELDS, PatientIdentity, from_fields
from custody.patients.queries import TABLE
from custody.therapies.models import Therapy
from ledger.parties.actor import Actor, service_actor
from ledger.privacy import queries as privacy


@dataclass(frozen=True, slots=True)
class AccessLine:
    """An access, as its person and the centre's officer see it."""

    id: UUID
    therapy: UUID
    call_name: str
    patient: UUID
    party: UUID
    person: UUID
    role: str
    reason: str
    opened_at: datetime
    until: datetime
    ended_at: datetime | None
    ended_how: str
    is_open: bool


def accesses_of_centre(*, by: Actor, at: datetime, limit: int) -> list[AccessLine]:
    """Accesses to patients of the actor's centre, the last first. Raises NotPermitted."""
    by.check("patient.share")
    return _lines(list(EmergencyAccess.objects.filter(holder_id=by.party).order_by("-opened_at")[:limit]), at)


def count_open(*, by: Actor, at: datetime) -> int:
    """How many accesses to the centre's patients stand open now."""
    return EmergencyAccess.objects.filter(holder_id=by.party, ended_at=None, until__gt=at).count()


def own_access(*, therapy: UUID, by: Actor, at: datetime) -> AccessLine | None:
    """The actor's own open access to a therapy's patient."""
    rows = EmergencyAccess.objects.filter(
        therapy_id=therapy, person=by.person, party_id=by.party, ended_at=None, until__gt=at
    )
    return next(iter(_lines(list(rows[:1]), at)), None)


def identity(*, access: UUID, by: Actor, at: datetime) -> tuple[AccessLine, PatientIdentity | None]:
    """Who the patient is, while the actor's own access is open; each opening is a line of who looked.

    None when nothing is left to know. Raises AccessUnknown when it has ended, or is somebody else's.
    """
    row = EmergencyAccess.objects.filter(pk=access, person=by.person, party_id=by.party).first()
    if row is None or row.ended_at is not None or row.until <= at:
        raise AccessUnknown("This access has ended. Break the glass again if the emergency lasts.")
    access_log.note(by=by, patients=[row.patient_id], centre=row.holder_id, way="emergency", purpose=row.reason)
    holder = service_actor(
        party=row.holder_id, party_code="", party_kind="treatment_centre", service="emergency", permissions=frozenset()
    )
    opened = privacy.open_many(table=TABLE, rows=[str(row.patient_id)], by=holder, fields=FIELDS)
    values = opened.get(str(row.patient_id))
    return _lines([row], at)[0], from_fields(values) if values else None


def _lines(rows: list[EmergencyAccess], at: datetime) -> list[AccessLine]:
    names = dict(Therapy.objects.filter(pk__in=[row.therapy_id for row in rows]).values_list("pk", "call_name"))
    return [
        AccessLine(
            id=row.pk,
            therapy=row.therapy_id,
            call_name=names.get(row.therapy_id, ""),
            patient=row.patient_id,
            party=row.party_id,
            person=row.person,
            role=row.role,
            reason=row.reason,
            opened_at=row.opened_at,
            until=row.until,
            ended_at=row.ended_at,
            ended_how=row.ended_how,
            is_open=row.ended_at is None and row.until > at,
        )
        for row in rows
    ]
