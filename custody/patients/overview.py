"""A patient as the centre's people see it: who it is, what is kept until when, who can see what, and who looked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from custody.contract import erasure
from custody.patients import access_log, erasing, permissions
from custody.patients.access_log import Look
from custody.patients.identity import PatientIdentity
from custody.patients.models import Patient, PatientAct, PatientErasure
from custody.patients.queries import PatientNotFound, identities
from custody.therapies.models import Therapy
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy
from ledger.privacy.errors import SubjectErased, SubjectUnknown

LOOKS = 1_000
"""Openings of one patient's identity that its page puts together; the patient's copy has more."""
WAITING = 50


@dataclass(frozen=True, slots=True)
class TherapyOfPatient:
    id: UUID
    call_name: str
    coi: str
    product: str
    status: str
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureLine:
    """An erasure as asked for or carried out; `call_names` of the patient's therapies."""

    patient: UUID
    scope: str
    reason: str
    status: str
    kept_until: datetime | None
    asked_at: datetime | None
    asked_by: UUID | None
    done_at: datetime | None
    done_by: UUID | None
    call_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActLine:
    """A restriction or a copy: when, by whom, why, and when a restriction was lifted."""

    id: UUID
    kind: str
    reason: str
    at: datetime
    by: UUID
    ended_at: datetime | None
    ended_by: UUID | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One patient. `identity` is None where the actor may not know, or nothing is left to know.

    `restriction` is the one that stands (GDPR art. 18); `acts` are restrictions and copies, the last first.
    """

    id: UUID
    enrolled_at: datetime
    erased: str
    erased_at: datetime | None
    identity: PatientIdentity | None
    therapies: tuple[TherapyOfPatient, ...]
    under_way: bool
    kept_until: datetime | None
    entitled: tuple[UUID, ...]
    erasures: tuple[ErasureLine, ...]
    waiting: ErasureLine | None
    looks: tuple[Look, ...]
    restriction: ActLine | None
    acts: tuple[ActLine, ...]


def overview(*, patient: UUID, by: Actor, way: str = "patient") -> Overview:
    """Everything about a patient of the actor's centre; `way` is written down as where the identity was opened.

    With an empty `way` it is not opened: for pages that do not show it. Raises NotPermitted, PatientNotFound.
    """
    if not by.may(permissions.READ):
        permissions.check_erase(by)
    row = Patient.objects.filter(pk=patient, centre=by.party).first()
    if row is None:
        raise PatientNotFound("There is no such patient at your centre.")
    identity = None
    if way:
        with access_log.opened_for(way):
            identity = identities(by=by, patient_ids=[row.pk]).get(row.pk)
    therapies = tuple(
        TherapyOfPatient(one.pk, one.call_name, one.coi, one.product, one.get_status_display(), one.ordered_at)
        for one in Therapy.objects.filter(patient_id=row.pk).order_by("-ordered_at")
    )
    try:
        until, under_way = erasing.keeping_of(row), False
    except erasing.TherapyUnderWay:
        until, under_way = None, True
    erasures = tuple(_line(one) for one in PatientErasure.objects.filter(patient_id=row.pk).order_by("-asked_at"))
    acts = tuple(
        ActLine(one.pk, one.kind, one.reason, one.at, one.by, one.ended_at, one.ended_by)
        for one in PatientAct.objects.filter(patient_id=row.pk).exclude(kind="corrected").order_by("-at")
    )
    return Overview(
        id=row.pk,
        enrolled_at=row.created_at,
        erased=row.erased,
        erased_at=row.erased_at,
        identity=identity,
        therapies=therapies,
        under_way=under_way,
        kept_until=until,
        entitled=_entitled(row.pk),
        erasures=erasures,
        waiting=next((one for one in erasures if one.status == "asked"), None),
        looks=tuple(access_log.looks_at(row.pk, limit=LOOKS)) if by.may(permissions.READ) else (),
        restriction=next((one for one in acts if one.kind == "restricted" and one.ended_at is None), None),
        acts=acts,
    )


def waiting_erasures(*, by: Actor) -> list[ErasureLine]:
    """Erasures of the actor's centre that wait for a second person, the oldest first. Raises NotPermitted."""
    permissions.check_erase(by)
    rows = list(PatientErasure.objects.filter(holder=by.party, status="asked").order_by("asked_at")[:WAITING])
    names = call_names([row.patient_id for row in rows])
    return [_line(row, names.get(row.patient_id, ())) for row in rows]


def call_names(patients: Collection[UUID]) -> dict[UUID, tuple[str, ...]]:
    """What these patients' therapies are called, the first ordered first; one query."""
    names: dict[UUID, tuple[str, ...]] = {}
    known = Therapy.objects.filter(patient_id__in=set(patients)).order_by("ordered_at")
    for patient, name in known.values_list("patient_id", "call_name"):
        names[patient] = (*names.get(patient, ()), name)
    return names


def erased_at(*, patient: UUID) -> datetime | None:
    """Since when a patient is erased whole; None when not. It tells no more than the ledger does."""
    return Patient.objects.filter(pk=patient, erased=erasure.WHOLE).values_list("erased_at", flat=True).first()


def _entitled(patient: UUID) -> tuple[UUID, ...]:
    try:
        return tuple(sorted(privacy.entitled_parties(subject=patient)))
    except (SubjectErased, SubjectUnknown):
        return ()


def _line(row: PatientErasure, call_names: tuple[str, ...] = ()) -> ErasureLine:
    return ErasureLine(
        patient=row.patient_id,
        scope=row.scope,
        reason=row.reason,
        status=row.status,
        kept_until=row.kept_until,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        done_at=row.done_at,
        done_by=row.done_by,
        call_names=call_names,
    )
