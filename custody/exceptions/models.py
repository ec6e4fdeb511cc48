"""Exceptions: what went wrong or cannot be shown to have gone right. Rows mirror records."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class ExceptionKind(models.TextChoices):
    """Worst first; the rank is `custody.contract.exceptions.RANKS` (DESIGN §12)."""

    IDENTITY_STOP = "identity_stop", "Identity stop"
    HALT = "halt", "Halted by an answer"
    OUT_OF_SPECIFICATION = "out_of_specification", "Out of specification"
    CUSTODY_GAP = "custody_gap", "Gap in custody"
    TRANSPORT_PROBLEM = "transport_problem", "Transport problem"
    EXCURSION = "excursion", "Excursion"
    DEVIATION = "deviation", "Out of limits"
    NOT_PROVEN = "not_proven", "Not proven"


class CustodyException(models.Model):
    """One exception of a therapy. `finding` is a sentence made by the system, without personal data.

    A delay on the road says when the shipment is expected now and when it was planned; nothing else has these times.
    `why` is what who closed it wrote; empty where it was closed before that was asked for.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(
        "custody.Therapy", on_delete=models.CASCADE, related_name="exceptions", db_constraint=False
    )
    kind = models.CharField(max_length=24, choices=ExceptionKind.choices)
    rank = models.SmallIntegerField()
    finding = models.CharField(max_length=240)
    step = models.CharField(max_length=40, blank=True)
    leg = models.CharField(max_length=20, blank=True)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    record_id = models.UUIDField()
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    expected_at = models.DateTimeField(null=True)
    planned_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=20, blank=True)
    cause = models.CharField(max_length=40, blank=True)
    why = models.CharField(max_length=500, blank=True)
    oos_stage = models.CharField(max_length=12, blank=True)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["rank", "opened_at", "id"], condition=Q(closed_at=None), name="exception_open_worst"),
            models.Index(F("closed_at").desc(), "id", condition=Q(closed_at__isnull=False), name="exception_closed"),
            models.Index(fields=["therapy", "closed_at"], name="exception_therapy"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.therapy_id}"
