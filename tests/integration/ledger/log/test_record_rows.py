"""The rows that every record leaves are the same on both databases, and cost the same few talks whatever there is."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger.crypto import merkle
from ledger.log import cursors, held, record_rows, sequencer, storing, tiles
from ledger.log.models import Chain, Leaf, PendingRecord, Record, SignedName
from ledger.log.operations import append, lock_chain
from ledger.log.record_rows import KeyHold, PrintedName
from ledger.log.verification import findings
from ledger.parties import signing
from ledger.parties.actor import service_actor
from ledger.parties.models import PartyKey
from tests.factories.people import organisation
from tests.factories.plain import AT, KIND, noter, plain_chain


@pytest.fixture(
    autouse=True, params=["as it is", pytest.param("PostgreSQL", marks=pytest.mark.postgres(orm=True), id="postgresql")]
)
def _on_both_databases(db: None) -> None:
    """Each test here is part of the usual run and of the one on PostgreSQL."""


def _actor(service: str):
    maker = organisation("manufacturer")
    return service_actor(
        party=maker.id, party_code=maker.code, party_kind=maker.kind, service=service, permissions=frozenset()
    )


def _append(chain: Chain, **more) -> Record:
    first = more.pop("by", None) or _actor("first")
    with transaction.atomic():
        return append(
            chain=lock_chain(kind=KIND, subject=chain.subject), by=first, type="plain.noted/v1", body={"text": "é & 1"},
            meaning="noted", occurred_at=AT, at=AT, key=str(uuid4()), **more,
        )  # fmt: skip


def test_a_record_with_two_signatures_leaves_its_rows():
    chain = plain_chain()

    record = _append(chain, second=_actor("second"))

    stored, chain = Record.objects.get(pk=record.pk), Chain.objects.get(pk=chain.pk)
    for column in ("seq", "type", "prev_hash", "entry_hash", "leaf_hash", "log", "party_id", "person"):
        assert getattr(stored, column) == getattr(record, column), column
    assert (stored.idempotency_key, stored.occurred_at, stored.recorded_at) == (record.idempotency_key, AT, AT)
    assert bytes(stored.envelope) == record.envelope
    assert (chain.head_seq, chain.head_hash, chain.head_log) == (0, record.entry_hash, record.log)
    assert chain.state == {"count": 1}
    names = SignedName.objects.filter(record=record).order_by("position").values_list("name", flat=True)
    assert list(names) == ["Needlepoint first", "Needlepoint second"]
    assert PendingRecord.objects.get(record=record).log == record.log
    assert list(findings()) == []


def test_a_key_that_was_ended_writes_nothing():
    chain, by = plain_chain(), _actor("first")
    record = _append(chain, by=by)
    chosen = signing.signer_for(by.party)
    before = (Record.objects.count(), SignedName.objects.count(), PendingRecord.objects.count())
    # As the row stands once another record ended the key.
    PartyKey.objects.filter(key_id=chosen.key_id).update(ended_by=record)

    with pytest.raises(signing.KeyEnded):
        _append(chain, by=by)

    assert (Record.objects.count(), SignedName.objects.count(), PendingRecord.objects.count()) == before
    assert Chain.objects.get(pk=chain.pk).head_seq == 0


def test_a_record_that_brings_its_key_itself_is_held_by_none():
    chain = plain_chain()
    record = _append(chain)
    hold = KeyHold("no such key", (1, 2))
    copied = Record(**{
        field.attname: getattr(record, field.attname) for field in Record._meta.concrete_fields
    } | {"id": uuid4(), "seq": 1, "idempotency_key": "another"})  # fmt: skip
    names = [PrintedName(record.person, "first", "00")]

    with transaction.atomic():
        with pytest.raises(storing.NotFound), transaction.atomic():
            storing.write(record_rows.written(copied, names=names, state={}, hold=hold))
        storing.write(record_rows.written(copied, names=names, state={"count": 2}))

    assert Record.objects.filter(chain=chain).count() == 2


def test_an_append_and_a_batch_take_the_same_few_talks_however_much_there_is():
    write = noter(plain_chain())

    def talks(records: int) -> tuple[int, int]:
        for _ in range(3):
            write()
        with CaptureQueriesContext(connection) as one:
            write()
        for _ in range(records):
            write()
        with CaptureQueriesContext(connection) as batch:
            sequencer.run_once(at=AT)
        return len(one), len(batch)

    sequencer.drain(at=AT)
    few, many = talks(2), talks(60)

    assert few[0] == many[0]
    if connection.vendor == "postgresql":
        assert many[1] == few[1] <= 11


def test_rows_read_in_binary_are_those_that_the_orm_reads():
    chain = plain_chain()
    for _ in range(3):
        _append(chain, second=_actor("second"))
    sequencer.drain(at=AT)
    _append(chain)
    queries = [
        Record.objects.filter(chain=chain).order_by("seq").values_list(*held.RECORD),
        SignedName.objects.filter(record__chain=chain).order_by("pk").values_list("pk", "person", "name", "salt"),
        Leaf.objects.order_by("position").values_list("index", "position", "record_id", "record__leaf_hash"),
    ]

    for query in queries:
        found, same = cursors.tuples(query), [tuple(row) for row in query]
        assert len(found) >= 3
        assert found == [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in same]


@pytest.mark.parametrize("records", [0, 1, 2, 5, 7])
def test_a_long_chain_is_read_piece_by_piece(monkeypatch, records):
    monkeypatch.setattr(held, "RECORDS", 2)
    chain = plain_chain()
    write = noter(chain)
    written = [write().id for _ in range(records)]
    sequencer.drain(at=AT)

    assert [record.id for record in held.Held([chain]).records(chain)] == written
    assert [leaf[2] for leaf in held.leaves("")][-records or 10**6 :] == written


def test_a_row_is_put_where_it_is_missing_and_changed_where_it_stands():
    place = {"log": "x", "level": 3, "index": 9}

    storing.write([storing.put(tiles.Tile, place, {"hashes": b"\x00\xff'"})])
    storing.write([storing.put(tiles.Tile, place, {"hashes": b"\x01\x00"})])

    assert [bytes(row.hashes) for row in tiles.Tile.objects.filter(**place)] == [b"\x01\x00"]


def test_many_rows_are_deleted_by_their_keys_and_no_others():
    write = noter(plain_chain())
    for _ in range(5):
        write()
    keys = list(PendingRecord.objects.order_by("id").values_list("id", flat=True))

    storing.write(storing.delete_rows(PendingRecord, keys[:-2]))

    assert list(PendingRecord.objects.order_by("id").values_list("id", flat=True)) == keys[-2:]


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 300, 511, 512, 70_000])
def test_the_edge_of_a_tree_gives_the_frontier_it_had(size):
    grown = merkle.Frontier()
    tiles.store([node for n in range(size) for node in grown.append(merkle.leaf_hash(n.to_bytes(4, "big")))], "x")

    assert tiles.frontier_at(size, "x").to_bytes() == grown.to_bytes()


def test_an_edge_that_is_missing_is_named():
    grown = merkle.Frontier()
    tiles.store([node for n in range(300) for node in grown.append(merkle.leaf_hash(bytes([n % 256])))], "x")
    tiles.Tile.objects.filter(log="x", level=0, index=1).delete()

    with pytest.raises(tiles.VerificationError, match="Tile 0/1 is missing or too short for 300 leaves"):
        tiles.frontier_at(300, "x")
