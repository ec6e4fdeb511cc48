"""Inspections and signed reports; rows mirror records. `ReportFile` holds what a report's record names by digest."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Inspection(models.Model):
    """A timed look at one site. `status` is what its records say; whether it is open now is asked of `ends_at` too."""

    id = models.UUIDField(primary_key=True, editable=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    site = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    product = models.CharField(max_length=120, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.CharField(max_length=20)
    reference = models.CharField(max_length=30)
    person = models.UUIDField()
    opened_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=8)
    closed_at = models.DateTimeField(null=True)
    record_id = models.UUIDField()

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["site", "-opened_at"], name="inspection_site"),
            models.Index(fields=["ends_at"], condition=Q(status="open"), name="inspection_open"),
        ]

    def __str__(self) -> str:
        return f"inspection {self.reference}"


class Report(models.Model):
    """A month's report as its organisation signed it: `digest` and `pdf` are the SHA-256 of its two forms."""

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.UUIDField(db_index=True)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    month = models.CharField(max_length=7)
    digest = models.CharField(max_length=64)
    pdf = models.CharField(max_length=64)
    record_id = models.UUIDField()
    signed_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["party", "month"], name="report_month_unique")]
        indexes = [models.Index(fields=["-month", "party"], name="report_newest")]

    def __str__(self) -> str:
        return f"report on {self.month} of {self.party_id}"


class ReportFile(models.Model):
    """The bytes that a report's record names. Never changed; a file whose digest differs is not given out."""

    digest = models.CharField(primary_key=True, max_length=64)
    content = models.BinaryField()

    class Meta:
        app_label = "custody"

    def __str__(self) -> str:
        return self.digest
