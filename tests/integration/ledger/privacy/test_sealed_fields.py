"""Sealed fields: opened only with a wrap, bound to their place, committed to, shared, erased."""

import json
import logging
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from ledger.crypto.commitments import verify_commitment
from ledger.crypto.sealing import UnsealError
from ledger.privacy import keyring, operations, queries
from ledger.privacy.errors import (
    NotEntitled,
    NothingSealed,
    NotTheHolder,
    SubjectErased,
    SubjectExists,
    SubjectUnknown,
)
from ledger.privacy.indexes import blind_index
from ledger.privacy.models import DataKey, KeyWrap, SealedPayload
from tests.factories import people

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
CANARY = "Wilhelmina Canary-Featherstone"


def _actor(kind, number=1):
    role = {"treatment_centre": "coordinator", "manufacturer": "operator"}[kind]
    return people.actor(role, people.organisation(kind, number))


@pytest.fixture
def centre():
    return _actor("treatment_centre")


@pytest.fixture
def maker():
    return _actor("manufacturer")


def _seal(by, values=None, row="r1", subject=None):
    subject = subject or operations.create_subject(holder=by.party, at=T0)
    made = operations.seal_fields(
        subject=subject, table="t", row=row, values=values or {"name": CANARY, "weight": "70"}, by=by, at=T0
    )
    return subject, made


def test_what_was_sealed_is_opened_by_its_holder(centre):
    subject, _ = _seal(centre)

    assert queries.open_fields(subject=subject, table="t", row="r1", by=centre) == {"name": CANARY, "weight": "70"}
    assert queries.open_fields(subject=subject, table="t", row="r1", by=centre, fields=["weight"]) == {"weight": "70"}
    assert queries.open_fields(subject=subject, table="t", row="r2", by=centre) == {}


def test_a_party_without_a_wrap_opens_nothing(centre, maker):
    subject, _ = _seal(centre)

    with pytest.raises(NotEntitled):
        queries.open_fields(subject=subject, table="t", row="r1", by=maker)
    with pytest.raises(NotEntitled):
        queries.reveal(table="t", row="r1", field="name", by=maker)
    with pytest.raises(NotEntitled):
        operations.seal_fields(subject=subject, table="t", row="r1", values={"name": "x"}, by=maker, at=T0)
    assert queries.open_many(table="t", rows=["r1"], by=maker) == {}


def test_a_granted_party_opens_it_until_the_grant_is_taken_back(centre, maker):
    subject, _ = _seal(centre)
    operations.grant(subject=subject, party=maker.party, by=centre, at=T0)
    operations.grant(subject=subject, party=maker.party, by=centre, at=T0)

    assert queries.open_fields(subject=subject, table="t", row="r1", by=maker)["name"] == CANARY
    assert queries.entitled_parties(subject=subject) == {centre.party, maker.party}
    operations.revoke(subject=subject, party=maker.party, by=centre)
    with pytest.raises(NotEntitled):
        queries.open_fields(subject=subject, table="t", row="r1", by=maker)


def test_only_the_holder_shares_and_erases(centre, maker):
    subject, _ = _seal(centre)
    operations.grant(subject=subject, party=maker.party, by=centre, at=T0)

    with pytest.raises(NotTheHolder):
        operations.grant(subject=subject, party=people.organisation("payer").id, by=maker, at=T0)
    with pytest.raises(NotTheHolder):
        operations.destroy(subject=subject, by=maker, at=T0)
    with pytest.raises(NotTheHolder):
        operations.revoke(subject=subject, party=centre.party, by=centre)


def test_one_wrap_is_useless_to_another_party_or_patient(centre, maker):
    subject, _ = _seal(centre)
    other, _ = _seal(centre, row="r2")
    operations.grant(subject=subject, party=maker.party, by=centre, at=T0)
    stolen = KeyWrap.objects.get(data_key__subject=subject, party=maker.party)

    KeyWrap.objects.create(
        data_key=DataKey.objects.get(subject=other),
        party_id=maker.party,
        method="hpke",
        wrapped=stolen.wrapped,
        created_at=T0,
    )
    with pytest.raises(UnsealError):
        queries.open_fields(subject=other, table="t", row="r2", by=maker)


@pytest.mark.parametrize("change", [{"row": "r9"}, {"field": "weight2"}, {"table": "u"}, {"revision": 7}])
def test_a_ciphertext_moved_to_another_place_does_not_open(centre, change):
    _seal(centre)
    payload = SealedPayload.objects.get(field="name")
    for name, value in change.items():
        setattr(payload, name, value)
    payload.save()

    with pytest.raises(UnsealError):
        queries.reveal(table=payload.table, row=payload.row, field=payload.field, by=centre)


def test_a_revealed_value_proves_itself_against_the_commitment(centre):
    _, made = _seal(centre)
    shown = queries.reveal(table="t", row="r1", field="name", by=centre)

    assert shown.commitment == made["name"].digest
    assert verify_commitment(
        made["name"].digest, salt=bytes.fromhex(shown.salt), path=made["name"].path, value=shown.value
    )
    assert CANARY not in repr(shown)
    assert shown.salt not in repr(shown)


def test_a_new_value_is_a_new_revision_and_the_old_one_can_still_be_shown(centre):
    subject, first = _seal(centre)
    _, second = _seal(centre, {"weight": "72"}, subject=subject)

    assert queries.open_fields(subject=subject, table="t", row="r1", by=centre)["weight"] == "72"
    assert queries.commitments_of(table="t", row="r1")["weight"] == second["weight"]
    old = queries.reveal(table="t", row="r1", field="weight", by=centre, commitment=first["weight"].digest)
    assert old.value == "70"


def test_equal_values_show_no_likeness(centre):
    _, first = _seal(centre)
    _, second = _seal(centre, row="r2")

    assert first["weight"].digest != second["weight"].digest
    a, b = SealedPayload.objects.filter(field="weight").values_list("ciphertext", flat=True)
    assert bytes(a) != bytes(b)


def test_an_erased_subject_is_gone_for_good(centre):
    subject, _ = _seal(centre)
    operations.destroy(subject=subject, by=centre, at=T0)

    assert not SealedPayload.objects.exists()
    assert not KeyWrap.objects.exists()
    with pytest.raises(SubjectErased):
        queries.open_fields(subject=subject, table="t", row="r1", by=centre)
    with pytest.raises(SubjectErased):
        _seal(centre, subject=subject)
    with pytest.raises(NothingSealed):
        queries.reveal(table="t", row="r1", field="name", by=centre)


def test_a_subject_has_one_key_and_an_unknown_one_none(centre):
    subject, _ = _seal(centre)
    with pytest.raises(SubjectExists):
        operations.create_subject(holder=centre.party, at=T0, subject=subject)
    with pytest.raises(SubjectUnknown):
        queries.open_fields(subject=uuid4(), table="t", row="r1", by=centre)


@pytest.mark.parametrize("count", [1, 40])
def test_a_worklist_takes_two_queries_however_long(centre, count, django_assert_num_queries):
    rows = [f"r{n}" for n in range(count)]
    for row in rows:
        _seal(centre, row=row)

    with django_assert_num_queries(2):
        opened = queries.open_many(table="t", rows=rows, by=centre, fields=["name"])
    assert opened == {row: {"name": CANARY} for row in rows}


def test_keys_are_kept_for_one_scope_and_one_party(centre, maker, django_assert_num_queries):
    subject, _ = _seal(centre)
    with keyring.scope():
        queries.open_many(table="t", rows=["r1"], by=centre)
        with django_assert_num_queries(1):
            queries.open_many(table="t", rows=["r1"], by=centre)
        assert queries.open_many(table="t", rows=["r1"], by=maker) == {}
        with pytest.raises(NotEntitled):
            queries.open_fields(subject=subject, table="t", row="r1", by=maker)
    with django_assert_num_queries(2):
        queries.open_many(table="t", rows=["r1"], by=centre)


def test_nothing_of_a_value_stands_in_the_rows_or_the_log(centre, maker, caplog):
    caplog.set_level(logging.DEBUG)
    subject, made = _seal(centre)
    operations.grant(subject=subject, party=maker.party, by=centre, at=T0)
    queries.open_fields(subject=subject, table="t", row="r1", by=maker)

    rows = [*SealedPayload.objects.values(), *KeyWrap.objects.values(), *DataKey.objects.values()]
    dump = json.dumps(
        rows, default=lambda v: bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v)
    )
    assert len(rows) == 5
    for shown in (dump, caplog.text, repr(made), repr(list(SealedPayload.objects.all()))):
        assert "Canary" not in shown


def test_another_installations_key_opens_nothing(centre, settings):
    subject, _ = _seal(centre)
    settings.KEY_ENCRYPTION_KEY = bytes(32)
    with pytest.raises(UnsealError):
        queries.open_fields(subject=subject, table="t", row="r1", by=centre)


def test_a_blind_index_is_exact_keyed_and_of_its_scope(settings):
    index = blind_index(column="c", scope="s", value="RN1")

    assert index == blind_index(column="c", scope="s", value=" rn1 ")
    others = {
        blind_index(column="c", scope="s", value="RN2"),
        blind_index(column="c", scope="z", value="RN1"),
        blind_index(column="d", scope="s", value="RN1"),
    }
    settings.KEY_ENCRYPTION_KEY = bytes(32)
    others.add(blind_index(column="c", scope="s", value="RN1"))
    assert index not in others
    assert len(others) == 4
