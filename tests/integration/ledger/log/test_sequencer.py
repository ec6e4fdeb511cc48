"""The sequencer: every committed record gets one index, without gaps, and each batch a checkpoint that verifies."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections

from ledger.crypto import checkpoint, merkle, notes
from ledger.crypto.errors import VerificationError
from ledger.log import announcements, evidence, sequencer, tiles
from ledger.log.log_check import check_log
from ledger.log.models import Checkpoint, Leaf, PendingRecord, Record, Tile
from tests.factories.plain import AT, noter, plain_chain

BATCH = 120


@pytest.fixture
def write(db: None) -> Callable[[int], list[Record]]:
    """Write so many records; none waits before the first."""
    record = noter(plain_chain())
    sequencer.drain(at=AT)
    return lambda count: [record() for _ in range(count)]


@pytest.fixture
def three_batches(write) -> list[Record]:
    """360 records in three batches, across the edge of a tile (256)."""
    records = write(3 * BATCH)
    assert [sequencer.run_once(at=AT, limit=BATCH) for _ in range(4)] == [BATCH, BATCH, BATCH, 0]
    return records


def indexes(records: list[Record]) -> list[int]:
    found = dict(Leaf.objects.filter(record__in=records).values_list("record_id", "index"))
    return [found[record.id] for record in records]


def checkpoints() -> list[Checkpoint]:
    return list(Checkpoint.objects.order_by("size"))


def no_findings() -> bool:
    return [str(finding) for finding in check_log(lambda what, count: None)] == []


def test_indexes_follow_the_order_of_commit_without_gaps(three_batches):
    placed = indexes(three_batches)

    assert placed == list(range(placed[0], placed[0] + 3 * BATCH))
    assert list(Leaf.objects.order_by("index").values_list("index", flat=True)) == list(range(placed[-1] + 1))
    assert not PendingRecord.objects.exists()


def test_each_batch_has_a_checkpoint_that_verifies(three_batches):
    log = notes.parse_vkey(evidence.log_key())
    leaves = [
        bytes.fromhex(leaf) for leaf in Leaf.objects.order_by("index").values_list("record__leaf_hash", flat=True)
    ]

    for row in checkpoints():
        said = checkpoint.open_checkpoint(row.note, origin=settings.LOG_ORIGIN, log=log).checkpoint

        assert (said.size, said.root.hex()) == (row.size, row.root)
        assert said.root == merkle.root(leaves[: row.size])
    assert [row.size for row in checkpoints()][-3:] == [len(leaves) - 2 * BATCH, len(leaves) - BATCH, len(leaves)]


def test_another_logs_key_opens_no_checkpoint(three_batches):
    other = notes.parse_vkey(notes.vkey(settings.LOG_ORIGIN, b"\x58" + b"\x66" * 31))

    with pytest.raises(VerificationError):
        checkpoint.open_checkpoint(checkpoints()[-1].note, origin=settings.LOG_ORIGIN, log=other)


def test_each_checkpoint_continues_the_one_before(three_batches):
    for old, new in pairwise(checkpoints()):
        proof = merkle.consistency_proof(old.size, new.size, tiles.reader(new.size))

        merkle.verify_consistency(
            old_size=old.size,
            new_size=new.size,
            proof=proof,
            old_root=bytes.fromhex(old.root),
            new_root=bytes.fromhex(new.root),
        )


@pytest.mark.parametrize("place", [0, 1, BATCH - 1, BATCH, 255, 256, 3 * BATCH - 1])
def test_a_record_is_proven_in_every_later_checkpoint(three_batches, place):
    record = three_batches[place]
    index = record.leaf.index

    for row in checkpoints():
        if row.size <= index:
            continue
        merkle.verify_inclusion(
            leaf=merkle.leaf_hash(bytes(record.envelope)),
            index=index,
            size=row.size,
            proof=tiles.inclusion_proof(index, row.size),
            root=bytes.fromhex(row.root),
        )


def test_nothing_to_do_signs_nothing(three_batches):
    before = [row.note for row in checkpoints()]

    assert sequencer.run_once(at=AT) == 0
    assert sequencer.drain(at=AT) == 0
    assert [row.note for row in checkpoints()] == before


@pytest.mark.parametrize("step", ["tiles.growth", "_signed"])
def test_a_batch_that_fails_leaves_nothing(write, monkeypatch, step):
    write(5)
    before = (Leaf.objects.count(), Checkpoint.objects.count(), _tiles())
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr(announcements, "_listeners", [lambda first, last: heard.append((first, last))])

    with monkeypatch.context() as broken:
        broken.setattr(f"ledger.log.sequencer.{step}", _fails)
        with pytest.raises(OSError, match="the disk is full"):
            sequencer.run_once(at=AT)

    assert (Leaf.objects.count(), Checkpoint.objects.count(), _tiles()) == before
    assert (PendingRecord.objects.count(), heard) == (5, [])
    assert sequencer.run_once(at=AT) == 5
    assert heard == [(before[0], before[0] + 4)]
    assert no_findings()


def _fails(*_: object) -> None:
    raise OSError("the disk is full")


def _tiles() -> list[tuple[int, int, bytes]]:
    return [(tile.level, tile.index, bytes(tile.hashes)) for tile in Tile.objects.order_by("level", "index")]


def _contend(write: Callable[[int], list[Record]]) -> list[Record]:
    """Four sequencers at once, in small batches, until nothing waits."""
    records = write(100)

    def drain(_: int) -> int:
        try:
            total = 0
            while PendingRecord.objects.exists():
                total += sequencer.run_once(at=AT, limit=7)
            return total
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        placed = list(pool.map(drain, range(4)))
    assert sum(placed) == 100
    return records


def _each_has_one_index(records: list[Record]) -> bool:
    placed = indexes(records)
    every = list(Leaf.objects.order_by("index").values_list("index", flat=True))
    return placed == list(range(placed[0], placed[0] + 100)) and every == list(range(len(every)))


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_sequencers_at_once_give_each_record_one_index_on_postgresql(write):
    assert _each_has_one_index(_contend(write))
    assert no_findings()


@pytest.mark.django_db(transaction=True)
def test_sequencers_at_once_give_each_record_one_index(write):
    assert _each_has_one_index(_contend(write))
    assert no_findings()


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_a_second_sequencer_stands_back_and_the_next_takes_over(write):
    write(3)
    place = connection.settings_dict
    other = psycopg.connect(
        host=place["HOST"],
        port=place["PORT"] or 5432,
        user=place["USER"],
        password=place["PASSWORD"] or None,
        dbname=place["NAME"],
    )
    other.execute("SELECT pg_advisory_xact_lock(%s)", [sequencer.LOCK])

    assert sequencer.run_once(at=AT) == 0
    other.close()  # it dies, and its lock with it as soon as the server sees that

    deadline = time.monotonic() + 10
    while not (added := sequencer.run_once(at=AT)):
        assert time.monotonic() < deadline, "nobody takes over"
    assert added == 3
