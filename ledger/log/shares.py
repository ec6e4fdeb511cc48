"""Work in shares: jobs that several processes of this machine do, and whose answers come back in the jobs' order.

Processes, because the work is Python's and one interpreter runs on one core. They are forked before anything is read,
so that they have every setting and rule of this process, and each makes its own connection. On PostgreSQL all read one
snapshot, that of the process which gives the jobs out; on SQLite each job reads a snapshot of its own.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection as pipes
from multiprocessing import get_context
from typing import Any

from django.db import connection, connections, transaction

Progress = Callable[[str, int], None]
Work = Callable[..., Iterable[Any]]
"""What a job does: its arguments, then a `Progress`; it gives answers. A function of a module: it is sent by name."""

TOLD_AT_ONCE = 200


class ShareLost(Exception):
    """A process that did a share ended without an answer, so nobody knows what it would have found."""


@dataclass(frozen=True, slots=True)
class Job:
    """One share of the work."""

    work: Work
    arguments: tuple[Any, ...] = ()


@dataclass(slots=True)
class _Answers:
    """What came back of one job."""

    found: list[Any] = field(default_factory=list)
    ended: bool = False


def possible() -> int:
    """How many processes can share work here: one a core; one where others could not see this one's rows."""
    if sys.platform != "linux" or connection.in_atomic_block:
        return 1
    return len(os.sched_getaffinity(0))


class Shares:
    """Processes that wait for jobs until `close`. Make it before this process has open connections or threads."""

    def __init__(self, count: int) -> None:
        _let_go_of_connections()
        context = get_context("fork")
        self._idle: list[pipes.Connection] = []
        self._processes = []
        ours: list[pipes.Connection] = []
        for _ in range(count):
            here, there = context.Pipe()
            ours.append(here)
            process = context.Process(target=_serve, args=(there, list(ours)), daemon=True)
            process.start()
            there.close()
            self._idle.append(here)
            self._processes.append(process)
        self._pipes = tuple(ours)

    def run(self, jobs: Iterable[Job], *, tell: Progress) -> Iterator[Any]:
        """The answers of every job, the first job's first. Raises ShareLost, and what went wrong in a job.

        A job is asked for when a process is free to do it: making the next one may take time, the others work on.
        """
        waiting, snapshot, following = enumerate(jobs), _exported_snapshot(), 0
        answers: dict[int, _Answers] = {}
        while True:
            while self._idle and (given := next(waiting, None)):
                answers[given[0]] = _Answers()
                self._idle.pop().send((*given, snapshot))
            if not answers:
                return
            for pipe in pipes.wait([pipe for pipe in self._pipes if pipe not in self._idle]):
                self._take(pipe, answers, tell)  # type: ignore[arg-type]
            while following in answers:
                now = answers[following]
                yield from now.found
                now.found = []
                if not now.ended:
                    break
                del answers[following]
                following += 1

    def _take(self, pipe: pipes.Connection, answers: dict[int, _Answers], tell: Progress) -> None:
        try:
            kind, number, content = pipe.recv()
        except EOFError:
            raise ShareLost(
                "A process that checked a share of the ledger was ended by the system. Run it again."
            ) from None
        if kind == "told":
            for what, count in content.items():
                tell(what, count)
        elif kind == "found":
            answers[number].found.append(content)
        elif kind == "ended":
            answers[number].ended = True
            self._idle.append(pipe)
        else:
            raise ShareLost(f"A process that checked a share of the ledger failed.\n{content}")

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join()


def _serve(pipe: pipes.Connection, others: list[pipes.Connection]) -> None:
    """The life of one process: do what comes through the pipe until it closes."""
    for other in others:
        # The giver's ends, inherited with the fork: kept open, they would hide that the giver is gone.
        other.close()
    # Else each full collection looks through all that was loaded before the fork: an eighth of the time.
    gc.freeze()
    try:
        while True:
            try:
                number, job, snapshot = pipe.recv()
            except EOFError:
                return
            _do(pipe, number, job, snapshot)
    finally:
        connections.close_all()


def _do(pipe: pipes.Connection, number: int, job: Job, snapshot: str) -> None:
    told: dict[str, int] = {}

    def tell(what: str, count: int) -> None:
        told[what] = told.get(what, 0) + count
        if told[what] >= TOLD_AT_ONCE:
            pipe.send(("told", number, {what: told.pop(what)}))

    try:
        with one_view(snapshot):
            for answer in job.work(*job.arguments, tell):
                pipe.send(("found", number, answer))
        pipe.send(("told", number, told))
        pipe.send(("ended", number, None))
    except Exception:
        pipe.send(("failed", number, traceback.format_exc()))


@contextmanager
def one_view(snapshot: str = "") -> Iterator[None]:
    """Within, every query sees the database as it was at one moment: of `snapshot` (PostgreSQL), else of the first."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                if snapshot:
                    cursor.execute("SET TRANSACTION SNAPSHOT %s", [snapshot])
            yield
    else:
        # Deferred, and not Django's IMMEDIATE: readers hold up no writer.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")


def _exported_snapshot() -> str:
    if connection.vendor != "postgresql" or not connection.in_atomic_block:
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        return str(cursor.fetchone()[0])


def _let_go_of_connections() -> None:
    """Close this process's connections and their pool: two processes must never speak over one connection."""
    for one in connections.all(initialized_only=True):
        one.close()
        close_pool = getattr(one, "close_pool", None)
        if close_pool is not None:
            close_pool()
