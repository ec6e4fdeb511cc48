"""Writing to the outbox: put work in, cancel it, release it from quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ledger.outbox import handlers, wakeups
from ledger.outbox.errors import JobAlreadyEnded, JobNotFound, JobNotQuarantined
from ledger.outbox.models import JobState, OutboxJob


def enqueue(
    *,
    kind: str,
    payload: Mapping[str, Any],
    at: datetime,
    key: str | None = None,
    queue: str | None = None,
    run_after: datetime | None = None,
) -> OutboxJob:
    """Put a job into the outbox, in the caller's transaction: it exists if and only if that transaction commits.

    `payload` is JSON and holds identifiers, never patient data. With a `key`, a second call gives the first job back
    (also when it is done). `queue` defaults to the handler's; `run_after` to `at`.
    """
    if queue is None:
        queue = handlers.handler_for(kind).queue if kind in handlers.known_kinds() else "default"
    job = OutboxJob(
        kind=kind, payload=dict(payload), queue=queue, dedup_key=key, run_after=run_after or at, created_at=at
    )
    if key is None:
        job.save(force_insert=True)
    else:
        OutboxJob.objects.bulk_create([job], ignore_conflicts=True)
        job = OutboxJob.objects.get(dedup_key=key)
    transaction.on_commit(lambda: wakeups.notify(queue))
    return job


@transaction.atomic
def cancel(*, job: UUID, at: datetime) -> OutboxJob:
    """Stop a job: at once when it waits, at its handler's next report when it runs.

    Raises JobNotFound, JobAlreadyEnded.
    """
    row = _locked(job)
    if row.state == JobState.PENDING:
        row.state, row.done_at = JobState.CANCELLED, at
    elif row.state == JobState.LEASED:
        row.cancel_requested = True
    else:
        raise JobAlreadyEnded(f"This job ended already ({row.get_state_display().lower()}).")
    row.save(update_fields=["state", "done_at", "cancel_requested"])
    return row


@transaction.atomic
def release(*, job: UUID, at: datetime) -> OutboxJob:
    """Give a job that was set aside a fresh set of attempts. Raises JobNotFound, JobNotQuarantined."""
    row = _locked(job)
    if row.state != JobState.QUARANTINED:
        raise JobNotQuarantined("This job was not set aside; there is nothing to try again.")
    row.state, row.attempts, row.run_after, row.cancel_requested = JobState.PENDING, 0, at, False
    row.save(update_fields=["state", "attempts", "run_after", "cancel_requested"])
    transaction.on_commit(lambda: wakeups.notify(row.queue))
    return row


def _locked(job: UUID) -> OutboxJob:
    row = OutboxJob.objects.select_for_update().filter(pk=job).first()
    if row is None:
        raise JobNotFound("There is no such job. It may belong to another installation.")
    return row
