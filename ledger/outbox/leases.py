"""Leases: at most one worker holds a job, for a limited time, and only the holder's token can finish it.

On PostgreSQL the row is taken with `FOR UPDATE SKIP LOCKED`, so workers never wait for each other; SQLite has one
writer, and the transaction begins IMMEDIATE (settings), which comes to the same. Times are the worker's own: clocks
that differ by more than a lease can only make a job run twice, never not at all.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from ledger.ids import uuid7
from ledger.outbox.errors import LAST_ERROR_LENGTH, JobCancelled, LeaseLost
from ledger.outbox.handlers import handler_for, known_kinds
from ledger.outbox.models import JobState, OutboxJob

BACK_OFF_BASE_SECONDS = 2
BACK_OFF_LIMIT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that this worker holds."""

    job_id: UUID
    kind: str
    payload: dict[str, Any] = field(repr=False)
    attempt: int
    token: str
    taken_at: datetime


def due(*, queues: Collection[str], at: datetime) -> QuerySet[OutboxJob]:
    """Jobs that a worker of these queues could take now: waiting ones, and those whose worker went silent."""
    return OutboxJob.objects.filter(
        Q(state=JobState.PENDING, run_after__lte=at) | Q(state=JobState.LEASED, leased_until__lt=at),
        queue__in=queues,
        kind__in=known_kinds(),
    )


def take(*, queues: Collection[str], at: datetime) -> Lease | None:
    """Lease the job that has been due longest; None when there is none.

    A job whose workers died of it as often as its handler allows is set aside instead, with that reason.
    """
    # A look without the write lock first: an idle worker on SQLite would else take it every second.
    if not due(queues=queues, at=at).exists():
        return None
    while True:
        with transaction.atomic():
            job = _first_free(queues=queues, at=at)
            if job is None:
                return None
            handler = handler_for(job.kind)
            if job.attempts < handler.max_attempts and not job.cancel_requested:
                return _lease(job, seconds=handler.lease_seconds, at=at)
            if job.cancel_requested:
                _end(job, JobState.CANCELLED, at=at)
            else:
                job.last_error = f"Its worker stopped without a word {job.attempts} times. {job.last_error}"[
                    :LAST_ERROR_LENGTH
                ]
                _end(job, JobState.QUARANTINED, at=at)


def _first_free(*, queues: Collection[str], at: datetime) -> OutboxJob | None:
    base = OutboxJob.objects.select_for_update(skip_locked=True).filter(queue__in=queues, kind__in=known_kinds())
    orphan = base.filter(state=JobState.LEASED, leased_until__lt=at).order_by("leased_until").first()
    return orphan or base.filter(state=JobState.PENDING, run_after__lte=at).order_by("run_after", "id").first()


def _lease(job: OutboxJob, *, seconds: float, at: datetime) -> Lease:
    job.state, job.attempts = JobState.LEASED, job.attempts + 1
    job.leased_until, job.leased_by = at + timedelta(seconds=seconds), _fresh_token()
    job.save(update_fields=["state", "attempts", "leased_until", "leased_by"])
    return Lease(job.id, job.kind, job.payload, job.attempts, job.leased_by, at)


def _fresh_token() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{threading.get_ident() & 0xFFFFFF:x}:{uuid7().hex}"


def _end(job: OutboxJob, state: JobState, *, at: datetime) -> None:
    job.state, job.leased_until, job.leased_by = state, None, ""
    job.done_at = at if state == JobState.CANCELLED else None
    job.save(update_fields=["state", "leased_until", "leased_by", "done_at", "last_error"])


def _held(lease: Lease) -> QuerySet[OutboxJob]:
    return OutboxJob.objects.filter(pk=lease.job_id, state=JobState.LEASED, leased_by=lease.token)


def extend(lease: Lease, *, at: datetime, percent: int | None = None, note: str = "") -> None:
    """A heartbeat, with or without progress. Raises LeaseLost, or JobCancelled when somebody asked for that."""
    until = at + timedelta(seconds=handler_for(lease.kind).lease_seconds)
    values: dict[str, Any] = {"leased_until": until}
    if percent is not None:
        values |= {"progress": max(0, min(100, percent)), "progress_note": note[:160]}
    if _held(lease).filter(cancel_requested=False).update(**values):
        return
    if _held(lease).exists():
        raise JobCancelled
    raise LeaseLost


def complete(lease: Lease, *, at: datetime) -> None:
    """Mark the job done. Raises LeaseLost when another worker has it now."""
    if not _held(lease).update(
        state=JobState.DONE, done_at=at, leased_until=None, leased_by="", last_error="", progress=100
    ):
        raise LeaseLost


def give_back(lease: Lease, *, at: datetime, error: str) -> bool:
    """A failed attempt: wait (2 s, 4 s, … 15 min) for the next, or set the job aside after the last one.

    True when it was set aside.
    """
    if lease.attempt >= handler_for(lease.kind).max_attempts:
        quarantine(lease, error=error)
        return True
    wait = min(BACK_OFF_LIMIT_SECONDS, BACK_OFF_BASE_SECONDS * 2 ** (lease.attempt - 1))
    # Up to a fifth more, by the job's id, so that jobs which failed together do not come back together.
    wait *= 1 + (lease.job_id.int % 1000) / 5000
    _held(lease).update(
        state=JobState.PENDING,
        run_after=at + timedelta(seconds=wait),
        leased_until=None,
        leased_by="",
        last_error=error,
    )
    return False


def quarantine(lease: Lease, *, error: str) -> None:
    """Set the job aside, visible with its reason, for a person to look at."""
    _held(lease).update(state=JobState.QUARANTINED, leased_until=None, leased_by="", last_error=error)


def acknowledge_cancel(lease: Lease, *, at: datetime) -> None:
    """The handler stopped because it was asked to."""
    _held(lease).update(state=JobState.CANCELLED, done_at=at, leased_until=None, leased_by="")


def abandon(lease: Lease, *, at: datetime) -> None:
    """The worker is told to stop: the job is free again at once, and the attempt does not count."""
    _held(lease).update(
        state=JobState.PENDING, run_after=at, leased_until=None, leased_by="", attempts=max(0, lease.attempt - 1)
    )
