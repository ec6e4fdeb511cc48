"""Eight writers at once, each a process with a chain of its own (issue: at least four times a log with a global lock).

What a lock that everybody waits for costs is the time of one commit, so it depends on the disk. Where a commit costs
next to nothing, eight writers on two cores are held up by the cores and not by each other: then no design can be much
more than twice as fast as another. So the ratio is measured twice, on the disk as it is, and with commits that take as
long as on a replicated disk: PostgreSQL itself waits (`commit_delay`) while it holds the lock of its own log, which is
what a slow flush does, and those who wait share one flush.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from statistics import median

import pytest
from django.db import connection

from ledger.log import sequencer
from ledger.log.models import Chain, Leaf, Record
from tests.factories.plain import noter, plain_chain
from tests.factories.sequencers import sequence_as_in_production, unplaced, until
from tests.factories.writers import (
    acknowledged,
    kill,
    rate,
    run_apart,
    write_one,
    write_one_behind_a_global_lock,
    writers,
)

pytestmark = [pytest.mark.bench, pytest.mark.postgres(orm=True), pytest.mark.django_db(transaction=True)]

WRITERS, SECONDS, ROUNDS = 8, 2.0, 3
REPLICATED_DISK_MICROSECONDS = 3_000


def _on_a_replicated_disk(writing: Callable[[Chain], Callable[[], Record]], chain: Chain) -> Callable[[], Record]:
    """The same writer, whose commits take three milliseconds more; synchronous_commit stays on."""
    write, told = writing(chain), []

    def slowly() -> Record:
        if not told:
            with connection.cursor() as cursor:
                cursor.execute("SET commit_siblings = 0")
                cursor.execute("SET commit_delay = %s", [REPLICATED_DISK_MICROSECONDS])
            told.append(True)
        return write()

    return slowly


def _compared(folder, wrap: Callable[..., Callable[[], Record]] | None = None) -> tuple[float, float]:
    """Records a second without and with a global lock, taken in turn, so that both meet the same machine."""
    free, locked = [], []
    for number in range(ROUNDS):
        for found, writing in ((free, write_one), (locked, write_one_behind_a_global_lock)):
            chosen = partial(wrap, writing) if wrap else writing
            found.append(rate(WRITERS, SECONDS, folder / f"{number}-{writing.__name__}-{bool(wrap)}", chosen))
    return median(free), median(locked)


def test_eight_writers_are_four_times_as_fast_as_behind_a_global_lock(tmp_path):
    noter(plain_chain())()

    here, here_locked = _compared(tmp_path)
    there, there_locked = _compared(tmp_path, _on_a_replicated_disk)

    print(
        f"\neight writers: {here:,.0f} records/s on this disk, behind a global lock {here_locked:,.0f},"
        f" ratio {here / here_locked:.1f} (for information)"
        f"\neight writers: {there:,.0f} records/s where a commit takes 3 ms, behind a global lock {there_locked:,.0f},"
        f" ratio {there / there_locked:.1f} (≥ 4)"
    )
    assert there >= 4 * there_locked
    assert here > here_locked


def test_eight_writers_append_a_thousand_records_a_second(tmp_path):
    noter(plain_chain())()

    most = max(rate(WRITERS, SECONDS, tmp_path / str(number), write_one) for number in range(ROUNDS))

    print(f"\neight writers: {most:,.0f} signed records/s (≥ 1,000)")
    assert most >= 1_000


def test_a_leaf_follows_its_commit_within_a_quarter_of_a_second(tmp_path):
    noter(plain_chain())()
    sequencer.drain()
    batches = tmp_path / "batches"
    batches.touch()
    working = run_apart(lambda: sequence_as_in_production(batches))
    try:
        with writers(WRITERS, tmp_path / "writers") as files:
            until(lambda: batches.stat().st_size > 0, 30, "the sequencer is at work")
            begun = len(acknowledged(files))
            until(lambda: len(acknowledged(files)) > begun + 3_000, 60, "three thousand records more")
        until(lambda: not unplaced(acknowledged(files)), 30, "all are placed")
    finally:
        kill(working)

    lines = [line.split() for line in batches.read_text().splitlines()]
    ends, times = [int(end) for end, _ in lines], [float(at) for _, at in lines]
    placed = dict(Leaf.objects.values_list("record_id", "index"))
    written = [one for one in acknowledged(files)[begun:] if one.record in placed]
    waited = sorted(
        max(0.0, times[place] - one.at)
        for one in written
        if (place := bisect_left(ends, placed[one.record])) < len(times)
    )
    p50, p99 = waited[len(waited) // 2], waited[int(len(waited) * 0.99)]
    print(
        f"\ncommit to leaf while eight write: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms (≤ 250),"
        f" {len(waited):,} records in {len(lines)} batches"
    )
    assert len(waited) >= 3_000
    assert p99 <= 0.250
