"""`verify` by several processes says what it says alone, in the same order; a process that is lost is never silence."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from ledger.log import cursors, held, sequencer, shares
from ledger.log.models import Chain, Checkpoint, Record, SignedName, Tile
from ledger.log.shares import Job, Progress, ShareLost, Shares
from ledger.log.verification import findings
from tests import append_only
from tests.factories.plain import noter, plain_chain

CHAINS, RECORDS = 7, 5


@pytest.fixture
def two() -> Iterator[Shares]:
    processes = Shares(2)
    yield processes
    processes.close()


def _ledger() -> list[Chain]:
    chains = [plain_chain() for _ in range(CHAINS)]
    for chain in chains:
        write = noter(chain)
        for _ in range(RECORDS):
            write()
    sequencer.drain()
    return sorted(chains, key=lambda chain: chain.id)


def _tamper(chains: list[Chain]) -> None:
    with append_only.lifted(connection):
        Record.objects.filter(chain=chains[1], seq=2).update(entry_hash="0" * 64)
        SignedName.objects.filter(record__chain=chains[3], record__seq=0).update(name="Somebody else")
        Record.objects.filter(chain=chains[5], seq=4).update(leaf_hash="0" * 64)
        Chain.objects.filter(pk=chains[6].pk).update(state={"count": 99})
        Checkpoint.objects.update(root="0" * 64)
        Tile.objects.filter(level=0).update(hashes=b"\x00" * 32)


def _same_alone_and_in_shares() -> None:
    chains = _ledger()
    counts: dict[str, int] = {}

    def tell(what: str, count: int) -> None:
        counts[what] = counts.get(what, 0) + count

    for tamper in (False, True):
        if tamper:
            _tamper(chains)
        alone = list(findings())
        processes = Shares(2)
        try:
            shared = list(findings(tell, processes=processes))
        finally:
            processes.close()
        assert shared == alone
        assert bool(alone) is tamper
        if not tamper:
            assert counts == {"leaves": Record.objects.count(), "records": Record.objects.count()}
    assert {one.table for one in alone} >= {
        "ledger_record",
        "ledger_signedname",
        "ledger_chain",
        "ledger_checkpoint",
        "ledger_tile",
    }


@pytest.mark.django_db(transaction=True)
def test_processes_find_what_one_finds_alone(monkeypatch):
    monkeypatch.setattr(held, "CHAINS", 2)
    _same_alone_and_in_shares()


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_processes_find_what_one_finds_alone_on_postgresql(monkeypatch):
    monkeypatch.setattr(held, "CHAINS", 2)
    _same_alone_and_in_shares()


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_all_processes_see_the_moment_at_which_the_audit_began():
    write = noter(plain_chain())
    write()
    processes = Shares(2)
    try:
        with shares.one_view():
            before = Record.objects.count()
            answers = processes.run([Job(_count_slowly, (0.0,)), Job(_count_slowly, (0.4,))], tell=_nothing)
            first = next(answers)
            assert [first, *answers] == [before, before]
    finally:
        processes.close()


def _count_slowly(seconds: float, tell: Progress) -> list[int]:
    time.sleep(seconds)
    return [Record.objects.count()]


def _nothing(what: str, count: int) -> None:
    """Nobody looks at the progress."""


def _give(answers: list[str], seconds: float, tell: Progress) -> list[str]:
    time.sleep(seconds)
    return answers


def _die(tell: Progress) -> list[str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def _fail(tell: Progress) -> list[str]:
    raise OSError("the disk is gone")


@pytest.mark.django_db(transaction=True)
def test_answers_come_in_the_order_of_the_jobs(two):
    jobs = [Job(_give, (["a", "b"], 0.4)), Job(_give, (["c"], 0.0)), Job(_give, ([], 0.0)), Job(_give, (["d"], 0.0))]

    assert list(two.run(jobs, tell=_nothing)) == ["a", "b", "c", "d"]


def _leave(sign: str, tell: Progress) -> list[str]:
    Path(sign).touch()
    return ["left"]


@pytest.mark.django_db(transaction=True)
def test_the_first_job_is_done_while_the_next_is_made(two, tmp_path):
    sign = tmp_path / "begun"

    def jobs() -> Iterator[Job]:
        yield Job(_leave, (str(sign),))
        patience = time.monotonic() + 20
        while not sign.exists():
            assert time.monotonic() < patience, "the first job waits for the second to be made"
            time.sleep(0.01)
        yield Job(_give, (["made"], 0.0))

    assert list(two.run(jobs(), tell=_nothing)) == ["left", "made"]


@pytest.mark.django_db
def test_every_chain_is_in_one_group_and_the_last_groups_are_small(monkeypatch):
    monkeypatch.setattr(held, "RECORDS", 15)
    monkeypatch.setattr(held, "FEWEST", RECORDS)
    chains = [chain.id for chain in _ledger()]

    groups = list(held.groups("plain"))

    sizes = [chains.index(last) - chains.index(first) + 1 for first, last in groups]
    assert sum(sizes) == CHAINS
    assert sizes[-1] == 1
    assert [first for first, _ in groups] == [chains[sum(sizes[:number])] for number in range(len(sizes))]


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db
def test_an_audit_does_not_read_a_whole_table_for_each_of_its_groups():
    """The planner would, for as long as tables are of middling size: time would grow with the square of the log."""
    chains = _ledger()
    names = SignedName.objects.filter(record__chain_id__in=[chain.id for chain in chains[:3]])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    with cursors.row_by_row():
        assert "Nested Loop" in names.explain()
    assert "Hash Join" in names.explain()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("work", "words"), [(_die, "ended by the system"), (_fail, "the disk is gone")])
def test_a_share_that_was_lost_is_never_taken_for_nothing_found(two, work, words):
    with pytest.raises(ShareLost, match=words):
        list(two.run([Job(work)], tell=_nothing))


@pytest.mark.django_db(transaction=True)
def test_the_command_shares_its_work_and_names_the_first_bad_row(capsys):
    chains = _ledger()
    bad = Record.objects.get(chain=chains[2], seq=3)
    call_command("verify", "--quiet", "--processes", "2")
    assert capsys.readouterr().out.startswith(f"All holds: {Record.objects.count():,} records")
    with append_only.lifted(connection):
        Record.objects.filter(pk=bad.pk).update(entry_hash="0" * 64)

    with pytest.raises(SystemExit):
        call_command("verify", "--quiet", "--processes", "2")

    assert capsys.readouterr().out.splitlines()[0] == (
        f"ledger_record {bad.id}: its column entry_hash is not what was signed"
    )


@pytest.mark.django_db
def test_inside_a_transaction_nobody_else_could_see_its_rows():
    with transaction.atomic():
        assert shares.possible() == 1
