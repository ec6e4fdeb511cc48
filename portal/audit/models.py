"""What people do in the portal that is no record of the ledger: bringing people in, ending roles, exports.

Insert-only; triggers refuse UPDATE, DELETE and TRUNCATE, for administrators too.
"""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7

TABLE = "portal_auditevent"


class AuditEvent(models.Model):
    """One act with its values before and after. `name` is the printed name at that time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    person = models.UUIDField()
    name = models.CharField(max_length=160)
    party = models.UUIDField()
    role = models.CharField(max_length=40)
    act = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        app_label = "portal"
        indexes = [
            models.Index(fields=["-at", "id"], name="audit_event_newest"),
            models.Index(fields=["party", "-at"], name="audit_event_party"),
        ]

    def __str__(self) -> str:
        return f"{self.act} by {self.person}"
