"""Erasing a patient: asked for by one person, confirmed by another, or at the end of the time of keeping by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction

from custody.contract import erasure
from custody.disclosures.models import Disclosure, DisclosurePackage
from custody.patients import erasure_journal, permissions
from custody.patients.models import Patient, PatientErasure
from custody.patients.queries import TABLE, PatientNotFound
from custody.patients.retention import TRACING_FIELDS, Course, StillTreated, kept_until
from custody.therapies.models import StepRecord, Therapy
from custody.therapies.steps import LEAF_SALT, SEALED_TABLE, sealing_subject
from ledger.clock import stamp
from ledger.crypto import sealing
from ledger.errors import Conflict
from ledger.ids import derived
from ledger.log.models import Chain, Record
from ledger.log.operations import append, open_chain, operation
from ledger.parties.actor import Actor, service_actor
from ledger.parties.models import Party
from ledger.privacy import operations as privacy
from ledger.privacy.errors import SubjectErased, SubjectUnknown
from ledger.privacy.models import DataKey, SealedPayload

ERASED_CALL = "erased"


class TherapyUnderWay(Conflict):
    """The patient is being treated."""


class NothingAsked(Conflict):
    """No erasure of this patient waits to be confirmed."""


@operation
def ask_erasure(*, patient: UUID, reason: str, by: Actor, at: datetime, key: str) -> Record:
    """Ask for a patient's erasure: the whole, or what need not be kept. Nothing is erased before somebody confirms.

    Raises NotPermitted, PatientNotFound, TherapyUnderWay, Refused.
    """
    permissions.check_erase(by)
    row = _held(patient, by)
    chain = open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, row.id))
    until = keeping_of(row)
    return append(
        chain=chain,
        by=by,
        type=erasure.ASKED,
        body={
            "patient": str(row.id),
            "request": str(derived("erasure", row.id, key)),
            "reason": reason,
            "scope": _scope(until, at),
            "kept_until": stamp(until) if until else None,
        },
        meaning="erasure asked for",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def withdraw_erasure(*, patient: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Take an erasure back that nobody has confirmed yet. Raises NotPermitted, PatientNotFound, NothingAsked."""
    permissions.check_erase(by)
    row = _held(patient, by)
    chain = open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, row.id))
    asked = _asked(chain)
    return append(
        chain=chain,
        by=by,
        type=erasure.WITHDRAWN,
        body={"patient": str(row.id), "request": asked["request"]},
        meaning="erasure withdrawn",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def confirm_erasure(*, patient: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Carry out what another person asked for: keys, values and salts are destroyed with the record, or nothing is.

    Raises NotPermitted, PatientNotFound, NothingAsked, TherapyUnderWay, Refused.
    """
    permissions.check_erase(by)
    row = _held(patient, by)
    chain = open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, row.id))
    asked = _asked(chain)
    until = keeping_of(row)
    return _erase(
        row, chain, scope=_scope(until, at), until=until, reason=asked["reason"], request=asked["request"],
        by=by, at=at, key=key,
    )  # fmt: skip


@operation
def expire(*, patient: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Erase a patient whose time of keeping is over. For the installation itself. Raises TherapyUnderWay, Refused."""
    by.check("patient.erase")
    row = _held(patient, by)
    chain = open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, row.id))
    return _erase(
        row,
        chain,
        scope=erasure.WHOLE,
        until=keeping_of(row),
        reason=erasure.EXPIRED,
        request=str(derived("erasure", row.id, key)),
        by=by,
        at=at,
        key=key,
    )


def retention_actor(party: Party) -> Actor:
    """The installation, as it erases for a centre what need not be kept any more."""
    return service_actor(
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        service=erasure.SYSTEM_ROLE,
        permissions=frozenset({"patient.erase"}),
    )


def keeping_of(patient: Patient) -> datetime | None:
    """Until when what traces the patient's cells is kept; None when there are none. Raises TherapyUnderWay."""
    rows = Therapy.objects.filter(patient_id=patient.pk).values_list("status", "collected_at", "ended_at", "changed_at")
    try:
        return kept_until(
            Course(collected is not None, None if status == "active" else ended or changed)
            for status, collected, ended, changed in rows
        )
    except StillTreated:
        raise TherapyUnderWay(
            "A therapy of this patient is under way, and its people need to know who the patient is. End it first."
        ) from None


def _erase(
    row: Patient,
    chain: Chain,
    *,
    scope: str,
    until: datetime | None,
    reason: str,
    request: str,
    by: Actor,
    at: datetime,
    key: str,
) -> Record:
    values = destroy(row, scope, at=at)
    record = append(
        chain=chain,
        by=by,
        type=erasure.DONE,
        body={
            "patient": str(row.pk),
            "request": request,
            "reason": reason,
            "scope": scope,
            "kept_until": stamp(until) if until else None,
            "values": values,
        },
        meaning="patient data erased",
        occurred_at=at,
        at=at,
        key=key,
    )
    transaction.on_commit(lambda: erasure_journal.write(record))
    return record


def destroy(row: Patient, scope: str, *, at: datetime) -> int:
    """Destroy keys, values and salts of a patient in the caller's transaction; how many values. May run twice."""
    steps = _sealed_of(row)
    therapies = Therapy.objects.filter(patient_id=row.pk).values("pk")
    shown = Disclosure.objects.filter(therapy_id__in=therapies).values("pk")
    DisclosurePackage.objects.filter(pk__in=shown).delete()
    if scope == erasure.WHOLE:
        values = privacy.destroy_all([row.pk, *(subject for subject, _ in steps)], at=at)
        # Random, so that the row says nothing of the number, and still unique.
        row.record_number_index = f"erased:{sealing.fresh_key().hex()[:48]}"
    else:
        values = _destroy_part(row.pk, _traces, at=at)
        for subject, party in steps:
            if party == row.centre_id:
                values += _destroy_part(subject, _is_salt_of_leaf, at=at)
    row.erased, row.erased_at = scope, at
    row.save(update_fields=["record_number_index", "erased", "erased_at"])
    return values


def _destroy_part(subject: UUID, keeps: object, *, at: datetime) -> int:
    try:
        return privacy.destroy_part(subject=subject, keeps=keeps, at=at)  # type: ignore[arg-type]
    except (SubjectUnknown, SubjectErased):
        return 0


def _traces(payload: SealedPayload) -> bool:
    return payload.table == TABLE and payload.field in TRACING_FIELDS


def _is_salt_of_leaf(payload: SealedPayload) -> bool:
    """A proof leaf's salt hides what stands on the ledger as commitments anyway, and proofs to come need it."""
    return payload.table == SEALED_TABLE and payload.field == LEAF_SALT


def _sealed_of(row: Patient) -> list[tuple[UUID, UUID]]:
    """What parties sealed of the patient's therapies: the subject and the party."""
    therapies = list(Therapy.objects.filter(patient_id=row.pk).values_list("pk", flat=True))
    pairs = set(StepRecord.objects.filter(therapy_id__in=therapies).values_list("therapy_id", "party_id"))
    return [(sealing_subject(therapy, party), party) for therapy, party in sorted(pairs)]


def readable_again(limit: int = 200) -> Iterator[PatientErasure]:
    """Erasures on record of which something is readable again: a backup of the tables was restored."""
    for row in PatientErasure.objects.filter(status="done").order_by("done_at"):
        patient = Patient.objects.filter(pk=row.patient_id).first()
        if patient is not None and _stands(row, patient):
            yield row


def _stands(row: PatientErasure, patient: Patient) -> bool:
    if row.scope == erasure.WHOLE and patient.erased != erasure.WHOLE:
        return True
    if row.scope == erasure.REST and not patient.erased:
        return True
    subjects = [patient.pk, *(subject for subject, _ in _sealed_of(patient))]
    if row.scope == erasure.WHOLE:
        return DataKey.objects.filter(subject__in=subjects, wraps__isnull=False).exists()
    left = SealedPayload.objects.filter(data_key__subject=patient.pk, sealed_at__lte=row.done_at)
    return left.exclude(field__in=TRACING_FIELDS).exists()


@transaction.atomic
def carry_out_again(row: PatientErasure, *, at: datetime) -> int:
    """Destroy once more what an erasure on record has destroyed before; how many values."""
    patient = Patient.objects.select_for_update().get(pk=row.patient_id)
    scope = erasure.WHOLE if erasure.WHOLE in (row.scope, patient.erased) else row.scope
    return destroy(patient, scope, at=at)


def _scope(until: datetime | None, at: datetime) -> str:
    return erasure.REST if until is not None and until > at else erasure.WHOLE


def _asked(chain: Chain) -> dict[str, str]:
    asked: dict[str, str] | None = chain.state.get("asked")
    if asked is None:
        raise NothingAsked("No erasure of this patient waits. Somebody else confirmed or withdrew it.")
    return asked


def _held(patient: UUID, by: Actor) -> Patient:
    """The patient's row of the actor's centre, locked. Raises PatientNotFound."""
    row = Patient.objects.select_for_update().filter(pk=patient, centre=by.party).first()
    if row is None:
        raise PatientNotFound("There is no such patient at your centre.")
    return row
