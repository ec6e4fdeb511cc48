"""Batches: one a therapy, opened when its first step is done. Rows mirror records."""

from __future__ import annotations

from django.db import models


class BatchStatus(models.TextChoices):
    MAKING = "making", "Making"
    TESTING = "testing", "Tests under way"
    REVIEWED = "reviewed", "Reviewed"
    RELEASED = "released", "Released"
    REJECTED = "rejected", "Rejected"


class Batch(models.Model):
    """A batch record's head. Its steps and tests are the therapy's step records."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.OneToOneField(
        "custody.Therapy", on_delete=models.CASCADE, related_name="batch", db_constraint=False
    )
    number = models.CharField(max_length=24, unique=True)
    maker = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    status = models.CharField(max_length=10, choices=BatchStatus.choices)
    opened_at = models.DateTimeField()
    steps_done = models.SmallIntegerField(default=0)
    out_of_limits = models.SmallIntegerField(default=0)
    released_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "manufacturing"
        verbose_name_plural = "batches"
        indexes = [models.Index(fields=["maker", "status"], name="batch_maker_status")]

    def __str__(self) -> str:
        return self.number
