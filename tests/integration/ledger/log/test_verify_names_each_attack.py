"""`verify` names what somebody who owns the database did to the log: cut off, swapped, played again, written anew."""

from __future__ import annotations

import pytest
from django.db import connection

from ledger.crypto import canonical, dsse, ed25519, merkle
from ledger.crypto.ed25519 import Signer
from ledger.ids import uuid7
from ledger.log import sequencer, tiles
from ledger.log.models import Chain, Checkpoint, Leaf, Record, SignedName, Tile
from ledger.log.verification import findings
from ledger.parties.keystore import keystore
from tests import append_only
from tests.factories.plain import AT, noter, plain_chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def records(db: None) -> list[Record]:
    """A chain of six, in two checkpoints, after the member's own records; all of it holds."""
    write = noter(plain_chain())
    sequencer.drain(at=AT)
    found = [write() for _ in range(3)]
    sequencer.drain(at=AT)
    found += [write() for _ in range(3)]
    sequencer.drain(at=AT)
    assert named() == []
    return found


def named() -> list[tuple[str, str]]:
    return [(one.table, one.row) for one in findings()]


def problem_of(table: str) -> str:
    return next(one.problem for one in findings() if one.table == table)


def _cut_off(records: list[Record]) -> None:
    ids = [record.id for record in records]
    SignedName.objects.filter(record__in=ids).delete()
    Leaf.objects.filter(record__in=ids).delete()
    Record.objects.filter(pk__in=ids).delete()
    first = records[0]
    Chain.objects.filter(pk=first.chain_id).update(
        head_seq=first.seq - 1, head_hash=first.prev_hash, state={"count": first.seq}
    )


def test_a_tail_that_was_cut_off_is_missed_by_the_checkpoint(records):
    size = Leaf.objects.count()
    with append_only.lifted(connection):
        _cut_off(records[3:])

    assert named()[0] == ("ledger_checkpoint", str(size))
    assert problem_of("ledger_checkpoint") == f"it speaks of {size} leaves; the log has {size - 3}"


def test_a_tail_that_was_cut_off_with_its_checkpoint_is_missed_by_the_tiles(records):
    with append_only.lifted(connection):
        _cut_off(records[3:])
        Checkpoint.objects.order_by("-size")[0].delete()

    assert named() == [("ledger_tile", "0/0")]


def test_two_leaves_that_changed_places_are_named(records):
    one, other = (Leaf.objects.get(record=record) for record in records[1:3])
    with append_only.lifted(connection):
        Leaf.objects.filter(pk__in=[one.pk, other.pk]).delete()
        one.record_id, other.record_id = other.record_id, one.record_id
        Leaf.objects.bulk_create([one, other])

    assert ("ledger_tile", "0/0") in named()
    assert problem_of("ledger_checkpoint") == "its root is not that of the leaves"


def test_two_records_that_changed_places_in_their_chain_are_named(records):
    one, other = records[1:3]
    with append_only.lifted(connection):
        Record.objects.filter(pk=one.pk).update(seq=99)
        Record.objects.filter(pk=other.pk).update(seq=one.seq)
        Record.objects.filter(pk=one.pk).update(seq=other.seq)

    assert ("ledger_record", str(other.pk)) in named()
    assert problem_of("ledger_record") == "its column seq is not what was signed"


def test_a_record_that_was_played_again_is_named(records):
    again = Record.objects.get(pk=records[2].pk)
    again.pk, again.seq, again.idempotency_key = uuid7(), 6, "played:again"
    again.save(force_insert=True)

    assert ("ledger_record", str(again.pk)) in named()


def test_a_flipped_bit_of_a_tile_is_named(records):
    tile = Tile.objects.get(level=0, index=0)
    data = bytearray(tile.hashes)
    data[40] ^= 1
    Tile.objects.filter(pk=tile.pk).update(hashes=bytes(data))

    assert named() == [("ledger_tile", "0/0")]


def test_tiles_that_the_tree_does_not_have_are_named(records):
    Tile.objects.create(level=0, index=1, hashes=b"x" * 32)
    Tile.objects.create(level=3, index=0, hashes=b"x" * 32)

    assert named() == [("ledger_tile", "0/1"), ("ledger_tile", "3/0")]


def _write_anew(records: list[Record], signer: Signer) -> None:
    """The records with other contents, and everything that hangs on them: hashes, links, head, tiles."""
    prev = records[0].prev_hash
    for record in records:
        entry = canonical.decode(dsse.payload_of(bytes(record.envelope)))
        payload = canonical.encode({**entry, "prev": prev, "body": {"text": "bent"}})
        envelope = dsse.sign(payload, signers=[signer])
        digest = merkle.sha256_hex(payload)
        Record.objects.filter(pk=record.pk).update(
            prev_hash=prev, envelope=envelope, entry_hash=digest, leaf_hash=merkle.leaf_hash(envelope).hex()
        )
        prev = digest
    Chain.objects.filter(pk=records[0].chain_id).update(head_hash=prev)
    Tile.objects.all().delete()
    frontier = merkle.Frontier()
    for leaf in Leaf.objects.order_by("index").select_related("record"):
        tiles.store(frontier.append(bytes.fromhex(leaf.record.leaf_hash)))


def test_a_rewritten_chain_whose_hashes_all_fit_lacks_its_authors_signature(records):
    with append_only.lifted(connection):
        _write_anew(records, ed25519.generate())

    assert ("ledger_record", str(records[0].pk)) in named()
    assert problem_of("ledger_record") == "No signature of this envelope is by a known key."


def test_a_chain_rewritten_with_its_authors_key_contradicts_what_the_log_signed(records):
    with append_only.lifted(connection):
        _write_anew(records, keystore().signer(f"party-{records[0].party_id}"))

    found = list(findings())

    assert {one.table for one in found} == {"ledger_checkpoint"}
    assert len(found) == 2


def test_every_envelope_that_was_changed_is_named_also_after_a_record_that_does_not_hold(records):
    """The log is held against leaf hashes, so each envelope has to be held against its own, whatever stands before."""
    with append_only.lifted(connection):
        for record in (records[1], records[4]):
            Record.objects.filter(pk=record.pk).update(envelope=bytes(record.envelope).replace(b"keyid", b"keyId"))

    found = [(one.row, one.problem) for one in findings()]

    assert (str(records[1].pk), "its leaf hash is not that of its envelope") in found
    assert (str(records[4].pk), "its leaf hash is not that of its envelope") in found
    assert str(records[3].pk) not in {row for row, _ in found}


def test_a_leaf_hash_that_is_none_is_named(records):
    with append_only.lifted(connection):
        Record.objects.filter(pk=records[2].pk).update(leaf_hash="no digest")

    assert next((one.table, one.problem) for one in findings()) == ("ledger_record", "its leaf hash is none")


def test_a_record_whose_chain_is_gone_is_named(records):
    chain = Chain.objects.get(pk=records[0].chain_id)
    with append_only.lifted(connection):
        Chain.objects.filter(pk=chain.pk)._raw_delete("default")
        found = [(one.row, one.problem) for one in findings()]
        chain.save(force_insert=True)

    assert {(str(record.pk), "its chain is gone") for record in records} <= set(found)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has a type for identifiers, and one spelling")
def test_records_that_are_hidden_from_every_chain_are_counted_and_their_envelopes_checked(records):
    """An identifier in braces is the same to Python, and another text to SQLite: no group of chains comes upon it."""
    chain = records[0].chain_id.hex
    with append_only.lifted(connection), connection.cursor() as cursor:
        cursor.execute("PRAGMA defer_foreign_keys = ON")
        for table, column in (("ledger_chain", "id"), ("ledger_record", "chain_id")):
            cursor.execute(f"UPDATE {table} SET {column} = '{{' || {column} || '}}' WHERE {column} = %s", [chain])
        Record.objects.filter(pk=records[3].pk).update(envelope=b"garbage")
        found = [(one.row, one.problem) for one in findings()]
        for table, column in (("ledger_chain", "id"), ("ledger_record", "chain_id")):
            cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", [chain, f"{{{chain}}}"])

    assert any("records, and" in problem and row == "every row" for row, problem in found)
    assert (str(records[3].pk), "its leaf hash is not that of its envelope") in found
