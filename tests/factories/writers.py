"""Many writers at once, each a process of its own with a chain of its own: for tests and benches of the way in.

Processes and not threads, as an installation has them: threads of one interpreter would wait for each other. They are
forked, so that they stand on the same database and the same keys as the test; each makes its own connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID

from django.db import connection, connections, transaction

from ledger.log.models import Chain, Record
from tests.factories.plain import noter, plain_chain

_FORK = get_context("fork")
GLOBAL_LOCK = 0x676C6F62616C
BODY = {"step": "collect", "values": {"volume": "182.5", "bags": "1"}, "scans": {"patient": "&/CH…"}, "leaf": "9" * 76}


@dataclass(frozen=True)
class Acknowledged:
    """A record whose commit came back, and when (the machine's monotonic clock, which all processes share)."""

    record: UUID
    at: float


def write_one(chain: Chain) -> Callable[[], Record]:
    """One more record a call, as the application writes it."""
    return noter(chain, BODY)


def write_one_behind_a_global_lock(chain: Chain) -> Callable[[], Record]:
    """The same record, by a design that lets one transaction in at a time: what a log without a sequencer has to do."""
    write = noter(chain, BODY)

    def write_alone() -> Record:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GLOBAL_LOCK])
            return write()

    return write_alone


def run_apart(work: Callable[[], object]) -> BaseProcess:
    """Start `work` in a process of its own, with database connections of its own."""
    connections.close_all()
    for known in connections.all(initialized_only=True):
        close_pool = getattr(known, "close_pool", None)
        if close_pool is not None:
            close_pool()

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    process = _FORK.Process(target=run, daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """SIGKILL, and wait until the system has buried it: nothing of it gets to tidy up."""
    process.kill()
    process.join(10)


def write_until_killed(write: Callable[[], Record], told: Path) -> None:
    """Write on and on. Each commit that came back is a line of `told`, on its way before the next record begins."""
    with told.open("a", buffering=1) as lines:
        while True:
            record = write()
            lines.write(f"{record.id} {time.monotonic()}\n")


def acknowledged(told: Sequence[Path]) -> list[Acknowledged]:
    """What writers were told is written, in the order of time. A line that was cut short was told to nobody."""
    found = []
    for file in told:
        for line in file.read_text().splitlines(keepends=True) if file.exists() else []:
            if line.endswith("\n"):
                record, at = line.split()
                found.append(Acknowledged(UUID(record), float(at)))
    return sorted(found, key=lambda one: one.at)


@contextmanager
def writers(
    count: int, folder: Path, writing: Callable[[Chain], Callable[[], Record]] = write_one
) -> Iterator[list[Path]]:
    """So many processes that write until the end, each to its own chain; gives the files of what was acknowledged."""
    jobs = [writing(plain_chain()) for _ in range(count)]
    folder.mkdir(exist_ok=True)
    files = [folder / f"writer-{number}" for number in range(count)]
    processes = [
        run_apart(lambda job=job, file=file: write_until_killed(job, file))  # type: ignore[misc]
        for job, file in zip(jobs, files, strict=True)
    ]
    try:
        yield files
    finally:
        for process in processes:
            kill(process)


def rate(count: int, seconds: float, folder: Path, writing: Callable[[Chain], Callable[[], Record]]) -> float:
    """Records a second that so many writers get acknowledged together, once all of them are at work."""
    with writers(count, folder, writing) as files:
        while not all(file.exists() and file.stat().st_size for file in files):
            time.sleep(0.01)
        begun = time.monotonic()
        time.sleep(seconds)
        ended = time.monotonic()
    return sum(begun <= one.at <= ended for one in acknowledged(files)) / (ended - begun)
