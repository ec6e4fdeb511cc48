"""Compliance proofs of a therapy's segments, and why a segment cannot be proven. Rows mirror records."""

from __future__ import annotations

from django.db import models


class ComplianceProof(models.Model):
    """The verdict on one segment: a published proof, or the reasons why there is none."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey("custody.Therapy", on_delete=models.CASCADE, related_name="proofs", db_constraint=False)
    segment = models.CharField(max_length=40)
    verdict = models.CharField(max_length=12)
    circuit = models.CharField(max_length=80, blank=True)
    key = models.CharField(max_length=80, blank=True)
    inputs = models.JSONField(default=dict)
    proof = models.CharField(max_length=512, blank=True)
    registry_size = models.IntegerField(default=0)
    reasons = models.JSONField(default=list)
    record_id = models.UUIDField()
    published_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["therapy", "segment"], name="proof_segment_unique")]
        indexes = [models.Index(fields=["verdict", "-published_at", "id"], name="proof_verdict_published")]

    def __str__(self) -> str:
        return f"{self.segment} of {self.therapy_id}: {self.verdict}"
