"""Shipments and hand-overs; rows mirror records (see `projection`)."""

from __future__ import annotations

from django.db import models


class Shipment(models.Model):
    """One transport leg of a therapy, from packing to receipt."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(
        "custody.Therapy", on_delete=models.CASCADE, related_name="shipments", db_constraint=False
    )
    leg = models.CharField(max_length=20)
    logger_id = models.UUIDField()
    container = models.CharField(max_length=40)
    seal = models.CharField(max_length=40)
    packed_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["therapy", "leg"], name="shipment_therapy_leg"),
            models.Index(fields=["logger_id", "packed_at"], name="shipment_logger"),
        ]

    def __str__(self) -> str:
        return f"{self.leg} of {self.therapy_id}"


class HandoffStatus(models.TextChoices):
    OFFERED = "offered", "Offered"
    ACCEPTED = "accepted", "Accepted"
    REFUSED = "refused", "Refused"


class Handoff(models.Model):
    """Custody passing from hand to hand: offered by the holder, accepted by the receiver.

    Between two people of one courier giver and receiver are the same; `offered_by` and `settled_by` are the people.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(
        "custody.Therapy", on_delete=models.CASCADE, related_name="handoffs", db_constraint=False
    )
    leg = models.CharField(max_length=20)
    giver = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    receiver = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    status = models.CharField(max_length=10, choices=HandoffStatus.choices)
    seal = models.CharField(max_length=40)
    offered_at = models.DateTimeField()
    offered_by = models.UUIDField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.UUIDField(null=True)

    class Meta:
        app_label = "custody"
        indexes = [models.Index(fields=["receiver", "status"], name="handoff_receiver_status")]

    def __str__(self) -> str:
        return f"{self.giver_id} to {self.receiver_id}: {self.status}"
