"""Disclosures as the screens read them, and what is sealed to their receivers."""

from __future__ import annotations

from django.db import models


class Disclosure(models.Model):
    """One disclosure; a row mirrors the records of its chain. `id` is what the chain is about.

    `answered_at`, `answered_by` and `reason` are of what settled a request: the answer, its refusal, or that the asker
    took it back.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    therapy_id = models.UUIDField()
    holder = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    receiver = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    fields = models.JSONField(default=list)
    purpose = models.CharField(max_length=24)
    until = models.DateTimeField()
    status = models.CharField(max_length=10)
    asked_at = models.DateTimeField()
    asked_by = models.UUIDField()
    answered_at = models.DateTimeField(null=True)
    answered_by = models.UUIDField(null=True)
    reason = models.CharField(max_length=24, blank=True)
    shown = models.JSONField(default=dict)
    package = models.CharField(max_length=64, blank=True)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["therapy_id", "-asked_at"], name="disclosure_therapy"),
            models.Index(fields=["holder", "status", "-asked_at"], name="disclosure_holder"),
            models.Index(fields=["receiver", "-asked_at"], name="disclosure_receiver"),
        ]

    def __str__(self) -> str:
        return f"disclosure {self.id}: {self.status}"


class DisclosurePackage(models.Model):
    """The values with their salts, sealed by HPKE to the receiver. Destroyed when the disclosure ends."""

    disclosure_id = models.UUIDField(primary_key=True, editable=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    sealed = models.BinaryField()
    sealed_under = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "custody"

    def __str__(self) -> str:
        return f"package of {self.disclosure_id}"
