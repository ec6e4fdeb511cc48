"""Making a subject's key, sharing it, sealing values under it, and destroying it all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Max

from ledger.crypto import commitments, sealing
from ledger.parties.actor import Actor
from ledger.privacy import keyring, renewal
from ledger.privacy.errors import NotTheHolder, SubjectErased, SubjectExists, SubjectUnknown
from ledger.privacy.models import DataKey, KeyWrap, SealedPayload
from ledger.privacy.payloads import Commitment, encode, path_of


@transaction.atomic
def create_subject(*, holder: UUID, at: datetime, subject: UUID | None = None) -> UUID:
    """Make a key for a new subject, held by a party; the subject's pseudonym.

    The pseudonym is random (version 4), not time-ordered: it shall tell nothing (GDPR art. 4(5)).
    Raises SubjectExists.
    """
    data_key = DataKey(subject=subject or uuid4(), holder_id=holder, created_at=at)
    try:
        with transaction.atomic():
            data_key.save(force_insert=True)
    except IntegrityError:
        raise SubjectExists("A key for this patient exists already.") from None
    keyring.hold(data_key, sealing.fresh_key(), at=at).save(force_insert=True)
    return data_key.subject


@transaction.atomic
def grant(*, subject: UUID, party: UUID, by: Actor, at: datetime) -> None:
    """Let a party open the subject's data, by an HPKE wrap; again is no harm. Raises NotTheHolder."""
    data_key = _lock(subject)
    _check_holder(data_key, by)
    if data_key.wraps.filter(party=party).exists():
        return
    key = keyring.key_for(data_key, party=by.party)
    keyring.wrap_for(data_key, key, party=party, granted_by=by.person, at=at).save(force_insert=True)


@transaction.atomic
def revoke(*, subject: UUID, party: UUID, by: Actor) -> None:
    """Take the party's wrap away. What it read before it may still know. Raises NotTheHolder."""
    data_key = _lock(subject)
    _check_holder(data_key, by)
    if party == data_key.holder_id:
        raise NotTheHolder("The holder of a patient's data cannot lose its own key; erase the patient instead.")
    data_key.wraps.filter(party=party).delete()


@transaction.atomic
def seal_fields(
    *, subject: UUID, table: str, row: str, values: Mapping[str, str], by: Actor, at: datetime
) -> dict[str, Commitment]:
    """Seal values of one row and give their commitments for the ledger, by field.

    A field that was sealed before gets a new revision. Raises NotEntitled, SubjectErased, SubjectUnknown.
    """
    data_key = _lock(subject)
    key = keyring.key_for(data_key, party=by.party)
    held = SealedPayload.objects.filter(table=table, row=row, field__in=values.keys())
    revisions = dict(held.values_list("field").annotate(Max("revision")))
    payloads, made = [], {}
    for field, value in values.items():
        salt, path = commitments.fresh_salt(), path_of(table, row, field)
        payload = SealedPayload(
            data_key=data_key,
            table=table,
            row=row,
            field=field,
            revision=revisions.get(field, 0) + 1,
            commitment=commitments.commit(salt=salt, path=path, value=value),
            sealed_by=by.person,
            sealed_at=at,
        )
        payload.ciphertext = encode(payload, data_key.version, key, salt=salt, value=value)
        payloads.append(payload)
        made[field] = Commitment(path=path, digest=payload.commitment)
    SealedPayload.objects.bulk_create(payloads)
    return made


@transaction.atomic
def destroy(*, subject: UUID, by: Actor, at: datetime) -> None:
    """Destroy every wrap, ciphertext and salt of the subject (GDPR art. 17); nothing can bring them back.

    The caller writes the erasure record on the ledger. Raises NotTheHolder.
    """
    data_key = _lock(subject)
    _check_holder(data_key, by)
    destroy_all([subject], at=at)


@transaction.atomic
def destroy_all(subjects: Collection[UUID], *, at: datetime) -> int:
    """Destroy every wrap, ciphertext and salt of these subjects, whoever holds them; how many values there were.

    For an erasure that stands on the ledger, and for carrying it out again on a restored backup. May run twice.
    """
    keys = list(DataKey.objects.select_for_update().filter(subject__in=subjects).order_by("id"))
    count, _ = SealedPayload.objects.filter(data_key__in=keys).delete()
    KeyWrap.objects.filter(data_key__in=keys).delete()
    DataKey.objects.filter(pk__in=[key.pk for key in keys], erased_at=None).update(erased_at=at)
    return count


@transaction.atomic
def destroy_part(*, subject: UUID, keeps: Callable[[SealedPayload], bool], at: datetime) -> int:
    """Destroy what `keeps` does not keep; how many values. What stays gets a fresh key, the old one is gone.

    Raises SubjectUnknown, SubjectErased.
    """
    data_key = _lock(subject)
    before = SealedPayload.objects.filter(data_key=data_key).count()
    return before - renewal.renew(data_key, at=at, keeps=keeps, share=False)


def _lock(subject: UUID) -> DataKey:
    data_key = DataKey.objects.select_for_update().filter(subject=subject).order_by("-version").first()
    if data_key is None:
        raise SubjectUnknown("There is no patient under this pseudonym.")
    if data_key.erased_at:
        raise SubjectErased("This patient's data was erased. Nothing of it can be read or added.")
    return data_key


def _check_holder(data_key: DataKey, by: Actor) -> None:
    if by.party != data_key.holder_id:
        raise NotTheHolder("Only the treatment centre that enrolled the patient may do this.")
