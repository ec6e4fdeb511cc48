"""The dispatcher: takes due jobs one by one, runs their handlers under a heartbeat, and marks them.

It reads the clock, as tasks do; handlers are given the time their run began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from ledger import clock
from ledger.outbox import leases
from ledger.outbox.errors import JobCancelled, LeaseLost, Quarantine, describe
from ledger.outbox.handlers import Handler, handler_for, known_queues
from ledger.outbox.leases import Lease
from ledger.privacy import keyring

log = structlog.get_logger(__name__)
_in_flight: dict[UUID, Lease] = {}


@dataclass(slots=True)
class _Run:
    """A run of one job, as its handler sees it."""

    lease: Lease = field(repr=False)

    @property
    def job_id(self) -> UUID:
        return self.lease.job_id

    @property
    def attempt(self) -> int:
        return self.lease.attempt

    @property
    def at(self) -> datetime:
        return self.lease.taken_at

    def report(self, percent: int, note: str = "") -> None:
        """Show progress and extend the lease. Raises JobCancelled or LeaseLost."""
        leases.extend(self.lease, at=clock.now(), percent=percent, note=note)


def run_next(*, queues: Collection[str]) -> UUID | None:
    """Take and run one due job; its id, or None when nothing is due. Never raises for what a handler did."""
    lease = leases.take(queues=queues, at=clock.now())
    if lease is None:
        return None
    _run(lease, handler_for(lease.kind))
    return lease.job_id


def run_pending(*, queue: str | None = None, limit: int = 10_000) -> int:
    """Run what is due, here and now, until nothing is or `limit` jobs ran; their number. For tests, seeds, commands."""
    queues = known_queues() if queue is None else {queue}
    count = 0
    while count < limit and run_next(queues=queues) is not None:
        count += 1
    return count


def drain(*, queues: Collection[str], stopping: Callable[[], bool]) -> int:
    """A worker's turn: run due jobs until nothing is due or `stopping()` says so; their number."""
    count = 0
    while not stopping() and run_next(queues=queues) is not None:
        count += 1
    return count


def hand_over() -> int:
    """Free the jobs that this process is running, for another to take at once; their number.

    For a process that has to end now. What its handlers still do is refused when they report or finish.
    """
    running = list(_in_flight.values())
    for lease in running:
        leases.abandon(lease, at=clock.now())
    return len(running)


def _run(lease: Lease, handler: Handler) -> None:
    run = _Run(lease)
    _in_flight[lease.job_id] = lease
    facts = {"job": str(lease.job_id), "kind": lease.kind, "attempt": lease.attempt}
    try:
        with _heartbeat(lease, handler), keyring.scope():
            if handler.atomic:
                with transaction.atomic():
                    handler.function(lease.payload, run)
                    leases.complete(lease, at=clock.now())
            else:
                handler.function(lease.payload, run)
                leases.complete(lease, at=clock.now())
    except LeaseLost:
        log.warning("outbox.lease_lost", **facts)
    except JobCancelled:
        leases.acknowledge_cancel(lease, at=clock.now())
        log.info("outbox.cancelled", **facts)
    except Quarantine as reason:
        leases.quarantine(lease, error=describe(reason))
        log.error("outbox.quarantined", error=describe(reason), **facts)
    except Exception as problem:
        error = describe(problem)
        if leases.give_back(lease, at=clock.now(), error=error):
            log.error("outbox.quarantined", error=error, **facts)
        else:
            log.warning("outbox.failed", error=error, **facts)
    except BaseException:
        # The worker is being stopped (SystemExit, KeyboardInterrupt): hand the job over at once.
        leases.abandon(lease, at=clock.now())
        raise
    finally:
        _in_flight.pop(lease.job_id, None)


@contextmanager
def _heartbeat(lease: Lease, handler: Handler) -> Iterator[None]:
    """Extend the lease from a thread of its own while the handler works, for at most `max_seconds`.

    Not inside somebody's transaction (a test, a seed): no other connection sees the lease there, nor can take it.
    """
    if connection.in_atomic_block:
        yield
        return
    finished = threading.Event()
    beat = threading.Thread(target=_beat, args=(lease, handler, finished), name=f"heartbeat-{lease.kind}", daemon=True)
    beat.start()
    try:
        yield
    finally:
        finished.set()
        beat.join()


def _beat(lease: Lease, handler: Handler, finished: threading.Event) -> None:
    interval = handler.lease_seconds / 3
    remaining = handler.max_seconds
    while remaining > 0 and not finished.wait(interval):
        remaining -= interval
        try:
            leases.extend(lease, at=clock.now())
        except (LeaseLost, JobCancelled):
            return
        except Exception as problem:
            # The database is away for a moment: try at the next beat; if it stays away, the lease runs out.
            log.warning("outbox.heartbeat_failed", job=str(lease.job_id), error=type(problem).__name__)
        finally:
            connection.close()
