"""Emergency accesses; a row mirrors the records of its chain."""

from __future__ import annotations

from django.db import models


class EmergencyAccess(models.Model):
    """One person's access to one patient's identity, from `opened_at` until `until` or `ended_at`."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy_id = models.UUIDField()
    patient_id = models.UUIDField()
    holder = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    person = models.UUIDField()
    role = models.CharField(max_length=40)
    reason = models.CharField(max_length=24)
    opened_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_how = models.CharField(max_length=12, blank=True)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["holder", "-opened_at"], name="emergency_holder"),
            models.Index(fields=["person", "-opened_at"], name="emergency_person"),
            models.Index(fields=["until"], condition=models.Q(ended_at__isnull=True), name="emergency_open"),
        ]

    def __str__(self) -> str:
        return f"emergency access of {self.person} to {self.patient_id}"
