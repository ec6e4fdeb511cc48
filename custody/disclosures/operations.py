"""Asking for fields of a therapy, taking that back, answering, refusing, giving by oneself, and withdrawing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from custody.contract import disclosing
from custody.disclosures import package
from custody.disclosures.fields import SealedField, reveal, sealed_fields
from custody.disclosures.models import Disclosure, DisclosurePackage
from custody.patients import access_log
from custody.patients.restriction import check_may_disclose
from custody.therapies.models import Therapy, TherapyParty
from custody.therapies.queries import find_therapy
from ledger.clock import stamp
from ledger.errors import BadInput, Conflict, NotFound, Refusal
from ledger.ids import derived
from ledger.log.models import Chain, Record
from ledger.log.operations import append, lock_chain, open_chain, operation, record_refusal
from ledger.outbox.operations import enqueue
from ledger.parties.actor import Actor
from ledger.parties.models import Party

TELL = "disclosure.tell"


class FieldUnknown(BadInput):
    """No record of the therapy commits to such a field of this holder."""


class ReceiverUnknown(BadInput):
    """The receiver takes no part in the therapy and is no regulator."""


class NothingToShow(Conflict):
    """None of the fields is there any more."""


class DisclosureUnknown(NotFound):
    """There is no such disclosure of the actor's organisation."""


@operation
def ask(
    *, therapy: UUID, holder: UUID, fields: Collection[str], purpose: str, until: datetime, by: Actor, at: datetime,
    key: str,
) -> Record:  # fmt: skip
    """Ask the holder for single fields of a therapy. Raises NotPermitted, TherapyNotFound, FieldUnknown, Refused."""
    row = find_therapy(therapy=therapy, by=by)
    by.check("disclosure.ask")
    _known(row, holder, fields)
    disclosure = derived("disclosure", by.party, key)
    record = append(
        chain=open_chain(kind=disclosing.KIND, subject=disclosure),
        by=by,
        type=disclosing.ASKED,
        body={
            "therapy": str(therapy),
            "holder": str(holder),
            "fields": sorted(set(fields)),
            "purpose": purpose,
            "until": stamp(until),
        },
        meaning="disclosure asked for",
        occurred_at=at,
        at=at,
        key=key,
    )
    _tell(disclosure, "asked", at)
    return record


def ask_each(
    *, therapy: UUID, fields: Collection[str], purpose: str, until: datetime, by: Actor, at: datetime, key: str
) -> list[Record]:
    """Ask every holder of these fields for its own: one request a holder, all of them or none.

    The same `key` gives the same requests again. Raises NotPermitted, TherapyNotFound, FieldUnknown, Refused.
    """
    row = find_therapy(therapy=therapy, by=by)
    wanted: dict[UUID, list[str]] = {}
    for one in sealed_fields(row):
        if one.name in fields:
            wanted.setdefault(one.holder, []).append(one.name)
    if not wanted or sum(map(len, wanted.values())) != len(set(fields)):
        raise FieldUnknown("Choose at least one field, of those that this therapy has.", field="fields")
    try:
        with transaction.atomic():
            return [
                ask(
                    therapy=therapy, holder=holder, fields=names, purpose=purpose, until=until, by=by, at=at,
                    key=str(derived("disclosure.ask", key, holder)),
                )
                for holder, names in wanted.items()
            ]  # fmt: skip
    except Refusal as refusal:
        # What `ask` wrote of it was undone with the requests to the other holders.
        record_refusal(by=by, operation="custody.disclosures.ask_each", refusal=refusal, subject=str(therapy), at=at)
        raise


@operation
def give(
    *, therapy: UUID, receiver: UUID, fields: Collection[str], purpose: str, until: datetime, by: Actor, at: datetime,
    key: str,
) -> Record:  # fmt: skip
    """Let another member see fields that the actor's organisation holds, for a purpose and a time.

    Raises NotPermitted, TherapyNotFound, FieldUnknown, ReceiverUnknown, NothingToShow, UseRestricted, Refused.
    """
    row = holding(therapy=therapy, by=by)
    by.check("patient.share")
    known = _known(row, by.party, fields)
    check_may_disclose(row.patient_id, purpose)
    if not may_receive(row, receiver):
        raise ReceiverUnknown("Choose a member that takes part in this therapy, or a regulator.", field="receiver")
    disclosure = derived("disclosure", by.party, key)
    body = {
        "therapy": str(therapy),
        "receiver": str(receiver),
        "fields": sorted(set(fields)),
        "purpose": purpose,
        "until": stamp(until),
    }
    chain = open_chain(kind=disclosing.KIND, subject=disclosure)
    shown = _sealed(row, disclosure, receiver, known, by=by, at=at)
    record = append(
        chain=chain,
        by=by,
        type=disclosing.GIVEN,
        body=body | shown,
        meaning="fields shared",
        occurred_at=at,
        at=at,
        key=key,
    )
    _tell(disclosure, "given", at)
    return record


@operation
def answer(*, disclosure: UUID, fields: Collection[str], by: Actor, at: datetime, key: str) -> Record:
    """Show the asker these of the fields that were asked for.

    Raises NotPermitted, DisclosureUnknown, FieldUnknown, NothingToShow, UseRestricted, Refused.
    """
    chain, row, therapy = _locked(disclosure, by)
    by.check("disclosure.answer")
    known = _known(therapy, by.party, fields)
    check_may_disclose(therapy.patient_id, row.purpose)
    shown = _sealed(therapy, disclosure, row.receiver_id, known, by=by, at=at)
    record = append(
        chain=chain,
        by=by,
        type=disclosing.ANSWERED,
        body=shown,
        meaning="fields disclosed",
        occurred_at=at,
        at=at,
        key=key,
    )
    _tell(disclosure, "answered", at)
    return record


@operation
def refuse(*, disclosure: UUID, reason: str, by: Actor, at: datetime, key: str) -> Record:
    """Refuse a request, with a reason. Raises NotPermitted, DisclosureUnknown, Refused."""
    chain, _, _ = _locked(disclosure, by)
    by.check("disclosure.answer")
    record = append(
        chain=chain,
        by=by,
        type=disclosing.REFUSED,
        body={"reason": reason},
        meaning="disclosure refused",
        occurred_at=at,
        at=at,
        key=key,
    )
    _tell(disclosure, "refused", at)
    return record


@operation
def take_back(*, disclosure: UUID, reason: str, by: Actor, at: datetime, key: str) -> Record:
    """Take back one's own request while nobody has answered it. Raises NotPermitted, DisclosureUnknown, Refused."""
    if not Disclosure.objects.filter(pk=disclosure, receiver_id=by.party).exists():
        raise DisclosureUnknown("There is no such request of your organisation.")
    chain = lock_chain(kind=disclosing.KIND, subject=disclosure)
    by.check("disclosure.ask")
    record = append(
        chain=chain,
        by=by,
        type=disclosing.TAKEN_BACK,
        body={"reason": reason},
        meaning="request taken back",
        occurred_at=at,
        at=at,
        key=key,
    )
    _tell(disclosure, "taken_back", at)
    return record


@operation
def withdraw(*, disclosure: UUID, by: Actor, at: datetime, key: str) -> Record:
    """End what was shown: the sealed values are destroyed. What was read may still be known.

    Raises NotPermitted, DisclosureUnknown, Refused.
    """
    chain, _, _ = _locked(disclosure, by)
    by.check("disclosure.answer")
    DisclosurePackage.objects.filter(pk=disclosure).delete()
    return append(
        chain=chain,
        by=by,
        type=disclosing.WITHDRAWN,
        body={},
        meaning="disclosure withdrawn",
        occurred_at=at,
        at=at,
        key=key,
    )


def tell_of_correction(*, patient: UUID, fields: Collection[str], record: UUID, at: datetime) -> None:
    """Tell whoever can still read one of these fields of the identity that it was corrected (GDPR art. 19)."""
    for row in Disclosure.objects.filter(
        therapy_id__in=Therapy.objects.filter(patient_id=patient).values("pk"),
        status__in=("answered", "given"),
        until__gt=at,
    ):
        if any(f"identity/{name}" in row.fields for name in fields):
            _tell(row.pk, "corrected", at, again=str(record))


def holding(*, therapy: UUID, by: Actor) -> Therapy:
    """A therapy that the actor's organisation takes part in, for roles that follow no therapies. Raises NotFound."""
    found = Therapy.objects.filter(pk=therapy, parties__party_id=by.party).first()
    if found is None:
        raise DisclosureUnknown("There is no such therapy for your organisation.")
    return found


def may_receive(therapy: Therapy, receiver: UUID) -> bool:
    """Whether fields may be given to this member: one that takes part in the therapy, or a regulator."""
    takes_part = TherapyParty.objects.filter(therapy=therapy, party_id=receiver).exists()
    return takes_part or Party.objects.filter(pk=receiver, kind="regulator").exists()


def _known(therapy: Therapy, holder: UUID, fields: Collection[str]) -> list[SealedField]:
    held = {one.name: one for one in sealed_fields(therapy) if one.holder == holder}
    unknown = sorted(set(fields) - held.keys())
    if not fields:
        raise FieldUnknown("Choose at least one field.", field="fields")
    if unknown:
        raise FieldUnknown(
            f"{len(unknown)} of the {len(set(fields))} fields are held by another member. Ask each member for its own.",
            field="fields",
        )
    return [held[name] for name in sorted(set(fields))]


def _sealed(
    therapy: Therapy, disclosure: UUID, receiver: UUID, fields: Collection[SealedField], *, by: Actor, at: datetime
) -> dict[str, object]:
    """Seal the values to the receiver; what the record says of them."""
    shown = reveal(fields, by=by)
    if not shown:
        raise NothingToShow("None of these fields is kept any more. Refuse, and say that they are not held.")
    plain = package.encode(disclosure, shown)
    version, sealed = package.seal(plain, disclosure=disclosure, party=receiver)
    DisclosurePackage.objects.create(
        disclosure_id=disclosure, party_id=receiver, sealed=sealed, sealed_under=version, created_at=at
    )
    if any(name.startswith("identity/") for name in shown):
        access_log.note(by=by, patients=[therapy.patient_id], centre=therapy.centre_id, way="disclosing")
    return {"shown": {name: one.commitment for name, one in shown.items()}, "package": package.digest(plain)}


def _locked(disclosure: UUID, by: Actor) -> tuple[Chain, Disclosure, Therapy]:
    row = Disclosure.objects.filter(pk=disclosure, holder_id=by.party).first()
    if row is None:
        raise DisclosureUnknown("There is no such request to your organisation.")
    return lock_chain(kind=disclosing.KIND, subject=disclosure), row, Therapy.objects.get(pk=row.therapy_id)


def _tell(disclosure: UUID, what: str, at: datetime, *, again: str = "") -> None:
    """Have the people concerned told, once; `again` sets apart what may be told more than once."""
    enqueue(
        kind=TELL,
        payload={"disclosure": str(disclosure), "what": what},
        at=at,
        key=":".join(part for part in (TELL, str(disclosure), what, again) if part),
        queue="notify",
    )
