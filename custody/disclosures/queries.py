"""Reading disclosures: lists for who holds and who receives, the values for the receiver alone, and the evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from custody.compliance import evidence
from custody.contract import disclosing, erasure
from custody.disclosures import package
from custody.disclosures.fields import IDENTITY_TITLES, sealed_fields
from custody.disclosures.models import Disclosure, DisclosurePackage
from custody.disclosures.operations import DisclosureUnknown
from custody.disclosures.package import Shown
from custody.patients import access_log
from custody.patients.models import PatientAct
from custody.therapies import disclosure as redaction
from custody.therapies.models import StepRecord, Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.bundles import export
from ledger.bundles.format import Bundle, Disclosed
from ledger.crypto.errors import VerificationError
from ledger.log.evidence import readers_checkpoint
from ledger.log.models import Record
from ledger.parties.actor import Actor

PAGE = 50


@dataclass(frozen=True, slots=True)
class DisclosureLine:
    """A disclosure as its two members see it. `corrected_at` is when a field was corrected after it was shown.

    `titles` are those of `fields`; `told` of what was shown, or of all while nothing is; `left_out` of what was asked
    for and not shown.
    """

    id: UUID
    therapy: UUID
    call_name: str
    coi: str
    patient: UUID | None
    holder: UUID
    receiver: UUID
    fields: tuple[str, ...]
    titles: tuple[str, ...]
    told: tuple[str, ...]
    left_out: tuple[str, ...]
    purpose: str
    until: datetime
    status: str
    asked_at: datetime
    asked_by: UUID
    answered_at: datetime | None
    answered_by: UUID | None
    reason: str
    corrected_at: datetime | None


def disclosures(*, by: Actor, limit: int = PAGE, offset: int = 0) -> list[DisclosureLine]:
    """Disclosures that the actor's organisation asked for, holds or receives; open ones first, then the last."""
    rows = Disclosure.objects.filter(Q(holder_id=by.party) | Q(receiver_id=by.party)).order_by("-asked_at")
    return _lines(list(rows[offset : offset + limit]))


def to_answer(*, by: Actor, at: datetime) -> list[DisclosureLine]:
    """Requests to the actor's organisation that wait for an answer, the oldest first."""
    rows = Disclosure.objects.filter(holder_id=by.party, status="asked", until__gt=at).order_by("asked_at")
    return _lines(list(rows[:PAGE]))


def of_patient(*, patient: UUID, by: Actor) -> list[DisclosureLine]:
    """Everything that was shown of a patient of the actor's centre, whoever held it, the last first."""
    therapies = Therapy.objects.filter(patient_id=patient, centre_id=by.party).values("pk")
    return _lines(list(Disclosure.objects.filter(therapy_id__in=therapies).order_by("-asked_at")[:PAGE]))


def disclosure(*, disclosure: UUID, by: Actor) -> DisclosureLine:
    """One disclosure that the actor's organisation takes part in. Raises DisclosureUnknown."""
    return _lines([_row(disclosure, by)])[0]


def shown(*, disclosure: UUID, by: Actor, at: datetime) -> list[Shown]:
    """The disclosed fields, for the receiver, while the disclosure lasts; every opening of an identity is noted.

    Raises DisclosureUnknown; nothing for the holder, or when it was withdrawn, has expired or was erased.
    """
    row = _row(disclosure, by)
    if row.receiver_id != by.party or not by.may("disclosure.open") or row.until < at:
        return []
    held = DisclosurePackage.objects.filter(pk=disclosure, party_id=by.party).first()
    if held is None:
        return []
    plain = package.open_sealed(bytes(held.sealed), disclosure=disclosure, party=by.party, version=held.sealed_under)
    if package.digest(plain) != row.package:
        raise VerificationError("what was sealed is not what the holder signed for")
    found = package.read(plain)
    therapy = Therapy.objects.get(pk=row.therapy_id)
    access_log.note(
        by=by, patients=[therapy.patient_id], centre=therapy.centre_id, way="disclosure", purpose=row.purpose
    )
    return found


def evidence_pack(*, disclosure: UUID, size: int | None, by: Actor) -> dict[str, Any]:
    """The records that a disclosure is checked against in the browser, with their places in the log.

    Its own chain; and for who sees values, the records of the therapy that committed to the fields first.
    """
    by.check("proof.verify")
    row = _row(disclosure, by)
    checkpoint = readers_checkpoint(size)
    wanted = Record.objects.filter(chain__kind=disclosing.KIND, chain__subject=disclosure).order_by("seq")
    answer = evidence.records_at(wanted, checkpoint) | {"disclosure": str(disclosure), "therapy": str(row.therapy_id)}
    if redaction.sees_values(by):
        therapy = Therapy.objects.get(pk=row.therapy_id)
        sources = Record.objects.filter(pk__in=_sources(therapy, set(row.fields))).order_by("chain__kind", "seq")
        answer["sources"] = evidence.records_at(sources, checkpoint)
    return answer


def bundle(*, disclosure: UUID, by: Actor, at: datetime) -> Bundle:
    """The disclosure as one file: its chain, the values, and for who sees values the therapy's whole chain.

    Raises DisclosureUnknown, NothingToShow, NotYetInTheLog.
    """
    row = _row(disclosure, by)
    found = shown(disclosure=disclosure, by=by, at=at)
    along = []
    if redaction.sees_values(by):
        therapy = Therapy.objects.get(pk=row.therapy_id)
        along = [("therapy", row.therapy_id), *evidence.documents_of(therapy)]
        if any(one.name.startswith("identity/") for one in found):
            along.append((erasure.KIND, erasure.chain_of(therapy.centre_id, therapy.patient_id)))
    made = export.bundle_of(kind=disclosing.KIND, subject=disclosure, along=along, at=at)
    fields = tuple(Disclosed(one.name, one.path, bytes.fromhex(one.salt), one.value) for one in found)
    return export.with_disclosed(made, fields)


def _sources(therapy: Therapy, names: set[str]) -> set[UUID]:
    """The records that committed to these fields: the order, steps, and corrections of the patient's identity.

    A correction is about a patient, whom the order names: it is never shown without the order.
    """
    found = {one.record for one in sealed_fields(therapy) if one.name in names}
    if any(name.startswith("identity/") for name in names):
        found |= set(StepRecord.objects.filter(therapy=therapy, kind="order").values_list("record_id", flat=True)[:1])
    return found


def _row(disclosure: UUID, by: Actor) -> Disclosure:
    row = Disclosure.objects.filter(pk=disclosure).filter(Q(holder_id=by.party) | Q(receiver_id=by.party)).first()
    if row is None:
        raise DisclosureUnknown("There is no such disclosure of your organisation.")
    return row


def _lines(rows: list[Disclosure]) -> list[DisclosureLine]:
    therapies = Therapy.objects.in_bulk([row.therapy_id for row in rows])
    titles: dict[UUID, dict[str, str]] = {}
    corrected = _corrections({one.patient_id for one in therapies.values()})
    lines = []
    for row in rows:
        therapy = therapies.get(row.therapy_id)
        if therapy is not None and therapy.pk not in titles:
            titles[therapy.pk] = title_map(therapy)
        title = titles.get(row.therapy_id, {})
        shown = [name for name in row.fields if name in row.shown] or row.fields
        lines.append(
            DisclosureLine(
                id=row.pk,
                therapy=row.therapy_id,
                call_name=therapy.call_name if therapy else "",
                coi=therapy.coi if therapy else "",
                patient=therapy.patient_id if therapy else None,
                holder=row.holder_id,
                receiver=row.receiver_id,
                fields=tuple(row.fields),
                titles=tuple(title.get(name, name) for name in row.fields),
                told=tuple(title.get(name, name) for name in shown),
                left_out=tuple(title.get(name, name) for name in row.fields if name not in shown),
                purpose=row.purpose,
                until=row.until,
                status=row.status,
                asked_at=row.asked_at,
                asked_by=row.asked_by,
                answered_at=row.answered_at,
                answered_by=row.answered_by,
                reason=row.reason,
                corrected_at=_corrected_since(row, corrected.get(therapy.patient_id, ())) if therapy else None,
            )
        )
    return lines


def _corrections(patients: set[UUID]) -> dict[UUID, list[PatientAct]]:
    found: dict[UUID, list[PatientAct]] = {}
    for act in PatientAct.objects.filter(patient_id__in=patients, kind="corrected").order_by("-at"):
        found.setdefault(act.patient_id, []).append(act)
    return found


def _corrected_since(row: Disclosure, corrections: Iterable[PatientAct]) -> datetime | None:
    """When one of the fields that were shown was last corrected, if that was after they were shown."""
    since = row.answered_at or row.asked_at
    if row.status not in ("answered", "given"):
        return None
    for act in corrections:
        if act.at > since and any(f"identity/{name}" in row.shown for name in act.changes):
            return act.at
    return None


def title_map(therapy: Therapy) -> dict[str, str]:
    """What people call the fields of a therapy; from its protocol alone."""
    names = {f"identity/{name}": title for name, title in IDENTITY_TITLES.items()}
    for step in protocol_by_digest(therapy.protocol_digest).steps:
        names |= {f"step/{step.code}/{field.code}": f"{step.title}: {field.title}" for field in step.fields}
    return names
