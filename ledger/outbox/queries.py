"""What stands in the outbox: for the operator's screen and for the progress of long work."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min, Q

from ledger.outbox import leases
from ledger.outbox.errors import JobNotFound
from ledger.outbox.handlers import known_kinds
from ledger.outbox.models import JobState, OutboxJob


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a job is. `progress` is per cent."""

    id: UUID
    kind: str
    queue: str
    state: str
    attempts: int
    progress: int
    progress_note: str
    last_error: str
    created_at: datetime
    run_after: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxHealth:
    """The outbox at a glance: counts by state, the oldest job that is due, and kinds that nobody here can do."""

    counts: Mapping[str, int]
    oldest_due_at: datetime | None
    unhandled_kinds: tuple[str, ...]


def status(*, job: UUID) -> JobStatus:
    """How far one job is. Raises JobNotFound."""
    row = OutboxJob.objects.filter(pk=job).first()
    if row is None:
        raise JobNotFound("There is no such job. It may belong to another installation.")
    return _status(row)


def known_keys(keys: Collection[str]) -> set[str]:
    """Which of these idempotency keys a job has, done or not. No query for none."""
    if not keys:
        return set()
    rows = OutboxJob.objects.filter(dedup_key__in=list(keys)).values_list("dedup_key", flat=True)
    return {key for key in rows if key is not None}


def quarantined(*, limit: int = 100) -> list[JobStatus]:
    """Jobs that were set aside, oldest first."""
    rows = OutboxJob.objects.filter(state=JobState.QUARANTINED).order_by("created_at")[:limit]
    return [_status(row) for row in rows]


def health(*, at: datetime) -> OutboxHealth:
    """Counts and ages, in two queries."""
    due = Q(state=JobState.PENDING, run_after__lte=at)
    rows = list(
        OutboxJob.objects.exclude(state=JobState.DONE)
        .values("state", "kind")
        .annotate(number=Count("id"), oldest=Min("run_after", filter=due))
        .order_by("state", "kind")
    )
    counts = dict.fromkeys(JobState.values, 0)
    for row in rows:
        counts[row["state"]] += row["number"]
    counts[JobState.DONE] = OutboxJob.objects.filter(state=JobState.DONE).count()
    oldest = [row["oldest"] for row in rows if row["oldest"]]
    unhandled = {row["kind"] for row in rows if row["state"] == JobState.PENDING} - known_kinds()
    return OutboxHealth(counts, min(oldest, default=None), tuple(sorted(unhandled)))


def due_queues(*, queues: Collection[str], at: datetime) -> list[str]:
    """Those of these queues on which a job could be taken now."""
    return list(leases.due(queues=queues, at=at).order_by("queue").values_list("queue", flat=True).distinct())


def _status(row: OutboxJob) -> JobStatus:
    return JobStatus(
        id=row.id,
        kind=row.kind,
        queue=row.queue,
        state=row.state,
        attempts=row.attempts,
        progress=row.progress,
        progress_note=row.progress_note,
        last_error=row.last_error,
        created_at=row.created_at,
        run_after=row.run_after,
        done_at=row.done_at,
    )
