"""Sequencers and writers that are killed at any moment: no signed record is lost, none is placed twice."""

from __future__ import annotations

import random
import time

import pytest

from ledger.crypto.errors import VerificationError
from ledger.log import sequencer
from ledger.log.models import Leaf, PendingRecord, Record
from ledger.log.verification import findings
from tests.factories.plain import noter, plain_chain
from tests.factories.sequencers import (
    Reader,
    follow_one_another,
    no_gap_and_no_double,
    sequence_forever,
    unplaced,
    until,
)
from tests.factories.writers import acknowledged, kill, run_apart, write_one, write_until_killed


def _kill_at_random(kills: int, count: int, folder, seed: int) -> None:
    """Writers write and two sequencers stand by; each time one of them is killed, another takes its place."""
    chance = random.Random(seed)
    noter(plain_chain())
    sequencer.drain()
    jobs, told = [write_one(plain_chain()) for _ in range(count)], []

    def writer(number: int):
        told.append(folder / f"told-{len(told)}")
        return run_apart(lambda: write_until_killed(jobs[number], told[-1]))

    crew = {number: writer(number) for number in range(count)}
    sequencers = [run_apart(sequence_forever) for _ in range(2)]
    reader = Reader(folder / "seen")
    try:
        for kill_number in range(kills):
            time.sleep(chance.uniform(0.02, 0.35))
            if kill_number % 3 < 2:
                place = chance.randrange(2)
                kill(sequencers[place])
                sequencers[place] = run_apart(sequence_forever)
            else:
                number = chance.randrange(count)
                kill(crew[number])
                crew[number] = writer(number)
        before = Leaf.objects.count()
        until(lambda: Leaf.objects.count() > before, 20, "the log grows after the last kill")
    finally:
        for process in [*crew.values(), *sequencers]:
            kill(process)
    until(lambda: not _still_pending(), 20, "what was written is placed")
    seen = reader.stop()

    written = acknowledged(told)
    assert len(written) > kills
    assert unplaced(written) == []
    assert no_gap_and_no_double()
    assert follow_one_another(seen)
    assert [str(one) for one in findings()] == []


def _still_pending() -> bool:
    # A killed process's transaction ends, and its locks go, when the server has seen the death.
    sequencer.drain()
    return PendingRecord.objects.exists()


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_twenty_four_kills_lose_nothing_on_postgresql(tmp_path):
    _kill_at_random(24, 8, tmp_path, seed=20261122)


@pytest.mark.django_db(transaction=True)
def test_six_kills_lose_nothing(tmp_path):
    _kill_at_random(6, 2, tmp_path, seed=6962)


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_another_sequencer_takes_over_within_seconds_of_a_kill(tmp_path):
    chain = plain_chain()
    noter(chain)()
    job = write_one(chain)
    crew = [run_apart(lambda: write_until_killed(job, tmp_path / "told"))]
    sequencers = [run_apart(sequence_forever) for _ in range(2)]
    try:
        until(lambda: Leaf.objects.count() > 50, 30, "the log grows")
        kill(sequencers[0])
        before = Leaf.objects.count()
        waited = until(lambda: Leaf.objects.count() > before + 50, 5, "the other one goes on")
    finally:
        for process in [*crew, *sequencers]:
            kill(process)

    assert waited < 5
    until(lambda: not _still_pending(), 20, "what was written is placed")
    assert no_gap_and_no_double()
    assert [str(one) for one in findings()] == []


@pytest.mark.django_db(transaction=True)
def test_what_a_reader_saw_and_the_log_forgot_is_noticed(tmp_path):
    """The check of the tests above is none if it cannot fail."""
    write = noter(plain_chain())
    sequencer.drain()
    reader = Reader(tmp_path / "seen")
    for _ in range(3):
        write()
        sequencer.drain()
        time.sleep(0.3)
    seen = reader.stop()

    assert follow_one_another(seen)
    with pytest.raises((VerificationError, ValueError)):
        follow_one_another(seen[::-1])
    assert Record.objects.count() == Leaf.objects.count()
