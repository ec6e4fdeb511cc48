"""Rows of divergences. All four tables are append-only: what was found, seen and decided stays."""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7


class Divergence(models.Model):
    """One thing that broke. Its id follows from what broke, so the same found twice, or by five, is one row.

    What was settled and is found again is a row of its own, which names in `reopens` the one that it takes up again.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=24)
    log = models.CharField(max_length=255)
    size = models.BigIntegerField()
    index = models.BigIntegerField(null=True)
    problem = models.TextField()
    received_at = models.DateTimeField()
    reopens = models.UUIDField(null=True)

    class Meta:
        app_label = "ledger"
        indexes = [models.Index(fields=["-received_at"], name="divergence_received")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.size}"


class DivergenceReport(models.Model):
    """One witness's signed report of a divergence, exactly as it came."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    divergence = models.ForeignKey(Divergence, on_delete=models.PROTECT, related_name="reports")
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    witness = models.CharField(max_length=255)
    vkey = models.TextField()
    document = models.BinaryField()
    detected_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["divergence", "witness"], name="divergence_once_a_witness")]
        indexes = [models.Index(fields=["witness", "-received_at"], name="divergence_report_witness")]

    def __str__(self) -> str:
        return f"{self.witness} on {self.divergence_id}"


class DivergenceAcknowledgement(models.Model):
    """A person of a member has seen it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    divergence = models.ForeignKey(Divergence, on_delete=models.PROTECT, related_name="acknowledgements")
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    person = models.UUIDField()
    role = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["divergence", "person"], name="divergence_seen_once")]

    def __str__(self) -> str:
        return f"{self.party_id} saw {self.divergence_id}"


class DivergenceResolution(models.Model):
    """How it was settled, by the regulator or the operator; there is one, and it is not taken back."""

    divergence = models.OneToOneField(Divergence, on_delete=models.PROTECT, related_name="resolution", primary_key=True)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    person = models.UUIDField()
    role = models.CharField(max_length=40)
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return f"{self.divergence_id} settled"


class AuditRound(models.Model):
    """How far the portal's own audit is in its present round, and when the last one ended. One row; no evidence."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    chain = models.UUIDField(null=True)
    leaf = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    turned_at = models.DateTimeField()
    awake_since = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    took_seconds = models.IntegerField(null=True)

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return f"round since {self.started_at}"
