"""Jobs of the outbox. A row is written in the transaction that needs the work, and stays as the trace of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ledger.ids import uuid7


class JobState(models.TextChoices):
    PENDING = "pending", "Waiting"
    LEASED = "leased", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    QUARANTINED = "quarantined", "Set aside"


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.LEASED, JobState.CANCELLED}),
    JobState.LEASED: frozenset(
        {JobState.LEASED, JobState.PENDING, JobState.DONE, JobState.CANCELLED, JobState.QUARANTINED}
    ),
    JobState.DONE: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.QUARANTINED: frozenset({JobState.PENDING}),
}


class OutboxJob(models.Model):
    """One piece of work. `payload` holds identifiers only, never patient data.

    `attempts` counts leases, so that a job which kills its worker is noticed; `leased_by` is the token of the present
    lease, and only its bearer may finish the job. `progress` is per cent.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    queue = models.CharField(max_length=32, default="default")
    dedup_key = models.CharField(max_length=160, unique=True, null=True, blank=True)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_after = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    leased_by = models.CharField(max_length=120, blank=True, default="")
    cancel_requested = models.BooleanField(default=False)
    last_error = models.CharField(max_length=500, blank=True, default="")
    progress = models.PositiveSmallIntegerField(default=0)
    progress_note = models.CharField(max_length=160, blank=True, default="")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "ledger"
        constraints = [
            models.CheckConstraint(condition=Q(progress__lte=100), name="outbox_progress_per_cent"),
            models.CheckConstraint(
                condition=Q(state="leased", leased_until__isnull=False) | (~Q(state="leased") & Q(leased_until=None)),
                name="outbox_lease_while_leased",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "cancelled"], done_at__isnull=False)
                | (~Q(state__in=["done", "cancelled"]) & Q(done_at=None)),
                name="outbox_end_has_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "run_after", "id"], condition=Q(state="pending"), name="outbox_due"),
            models.Index(fields=["leased_until"], condition=Q(state="leased"), name="outbox_leases"),
            models.Index(fields=["created_at"], condition=Q(state="quarantined"), name="outbox_quarantine"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"
