"""The way in knows no lock but its own chain's: who writes waits for nobody else, not even for the sequencer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from django.db import connection, transaction

from ledger.log import sequencer
from ledger.log.logs import OPERATORS
from ledger.log.models import Leaf, PendingRecord
from tests.factories.plain import noter, plain_chain
from tests.factories.sequencers import no_gap_and_no_double

pytestmark = [pytest.mark.postgres(orm=True), pytest.mark.django_db(transaction=True)]
SECONDS = 10


@contextmanager
def elsewhere(count: int = 2):
    """Threads with connections of their own."""
    with ThreadPoolExecutor(count) as pool:
        yield lambda work, *given: pool.submit(_apart, work, *given)


def _apart(work, *given):
    try:
        with connection.cursor() as cursor:
            # Whoever waits for a lock fails, and does not hang.
            cursor.execute("SET lock_timeout = '5s'")
        return work(*given)
    finally:
        connection.close()


def test_two_open_transactions_append_while_the_sequencer_holds_its_lock():
    writers = [noter(plain_chain()) for _ in range(2)]
    both_have_written = Barrier(2, timeout=SECONDS)

    def write_and_wait(write):
        with transaction.atomic():
            record = write()
            both_have_written.wait()
        return record

    with transaction.atomic(), elsewhere() as run:
        assert sequencer._lock(OPERATORS)
        records = [one.result(SECONDS) for one in [run(write_and_wait, write) for write in writers]]

    assert PendingRecord.objects.filter(record__in=records).count() == 2


def test_the_sequencer_does_not_wait_for_an_open_transaction():
    slow, quick = noter(plain_chain()), noter(plain_chain())
    sequencer.drain()

    with transaction.atomic(), elsewhere() as run:
        held_back = slow()
        record = run(quick).result(SECONDS)
        assert run(sequencer.drain).result(SECONDS) == 1

    assert Leaf.objects.filter(record=record).exists()
    assert not Leaf.objects.filter(record=held_back).exists()


def test_a_record_that_was_committed_late_still_gets_its_leaf():
    late, early = noter(plain_chain()), noter(plain_chain())
    sequencer.drain()

    with transaction.atomic(), elsewhere() as run:
        first = late()
        others = [run(early).result(SECONDS) for _ in range(5)]
        run(sequencer.drain).result(SECONDS)
        waiting = PendingRecord.objects.get(record=first).pk
    sequencer.drain()

    indexes = dict(Leaf.objects.values_list("record_id", "index"))
    assert indexes[first.id] == max(indexes.values()) > max(indexes[other.id] for other in others)
    assert waiting is not None
    assert no_gap_and_no_double()
