"""Opening sealed values: only for a party with a wrap, in a constant number of queries however many rows there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar
from uuid import UUID

from ledger.crypto.sealing import UnsealError
from ledger.parties.actor import Actor
from ledger.privacy import keyring
from ledger.privacy.errors import NothingSealed, SubjectErased, SubjectUnknown
from ledger.privacy.models import DataKey, SealedPayload
from ledger.privacy.payloads import Commitment, Revealed, decode, path_of

T = TypeVar("T")
_TO_OPEN = (
    *("table", "row", "field", "revision", "commitment", "ciphertext"),
    *("data_key__version", "data_key__subject"),
)
ATTEMPTS = 3
"""A key that is renewed between reading the values and reading its wrap makes them fail once: they are read again."""


def open_fields(
    *, subject: UUID, table: str, row: str, by: Actor, fields: Collection[str] | None = None
) -> dict[str, str]:
    """The present values of one row, by field; all fields when none are named.

    Raises NotEntitled, SubjectErased, SubjectUnknown. A field that was never sealed is not in the answer.
    """

    def read() -> dict[str, str]:
        keyring.key_for(_data_key(subject), party=by.party)
        payloads = _current(table=table, rows=[row], fields=fields)
        return _open(payloads, party=by.party).get(row, {})

    return _steadily(read)


def open_many(
    *, table: str, rows: Collection[str], by: Actor, fields: Collection[str] | None = None
) -> dict[str, dict[str, str]]:
    """The present values of many rows, by row and field, in two queries: for worklists.

    A row whose key the actor's party has no wrap of, or that was erased, is not in the answer.
    """
    return _steadily(lambda: _open(_current(table=table, rows=rows, fields=fields), party=by.party))


def reveal(*, table: str, row: str, field: str, by: Actor, commitment: str | None = None) -> Revealed:
    """A value with salt and path, so that anybody can check it against the ledger's commitment.

    `commitment` chooses an earlier value; without it, the present one. Raises NotEntitled, NothingSealed.
    """

    def read() -> Revealed:
        found = SealedPayload.objects.filter(table=table, row=row, field=field)
        if commitment is not None:
            found = found.filter(commitment=commitment)
        payload = found.select_related("data_key").order_by("-revision").first()
        if payload is None:
            raise NothingSealed("Nothing is kept here; it was never recorded, or the patient's data was erased.")
        return decode(payload, payload.data_key.version, keyring.key_for(payload.data_key, party=by.party))

    return _steadily(read)


def commitments_of(*, table: str, row: str, fields: Collection[str] | None = None) -> dict[str, Commitment]:
    """The commitments to the present values of a row; they tell nothing, so anybody may have them."""
    return {
        payload.field: Commitment(path=path_of(table, row, payload.field), digest=payload.commitment)
        for payload in _current(table=table, rows=[row], fields=fields)
    }


def entitled_parties(*, subject: UUID) -> frozenset[UUID]:
    """The parties that can open the subject's data."""
    return frozenset(_data_key(subject).wraps.values_list("party_id", flat=True))


def _steadily(read: Callable[[], T]) -> T:
    """What `read` gives, once no renewal of a key comes between its queries. Raises UnsealError when it stays so."""
    for _ in range(ATTEMPTS - 1):
        try:
            return read()
        except UnsealError:
            continue
    return read()


def _data_key(subject: UUID) -> DataKey:
    data_key = DataKey.objects.filter(subject=subject).order_by("-version").first()
    if data_key is None:
        raise SubjectUnknown("There is no patient under this pseudonym.")
    if data_key.erased_at:
        raise SubjectErased("This patient's data was erased. Nothing of it can be read or added.")
    return data_key


def _current(*, table: str, rows: Collection[str], fields: Collection[str] | None) -> list[SealedPayload]:
    found = SealedPayload.objects.filter(table=table, row__in=rows).select_related("data_key").order_by("revision")
    found = found.only(*_TO_OPEN)
    if fields is not None:
        found = found.filter(field__in=fields)
    latest: dict[tuple[str, str], SealedPayload] = {(p.row, p.field): p for p in found}
    return list(latest.values())


def _open(payloads: Collection[SealedPayload], *, party: UUID) -> dict[str, dict[str, str]]:
    keys: Mapping[UUID, bytes] = keyring.keys_for((p.data_key for p in payloads), party=party)
    opened: dict[str, dict[str, str]] = {}
    for payload in payloads:
        key = keys.get(payload.data_key_id)
        if key is not None:
            opened.setdefault(payload.row, {})[payload.field] = decode(payload, payload.data_key.version, key).value
    return opened
