"""Labels that were printed; rows mirror records."""

from __future__ import annotations

from django.db import models


class Label(models.Model):
    """One print of a therapy's labels. `serial` counts its prints from 1; a reprint has a reason.

    `copies` is how many labels were printed together; None for prints from before that was asked for.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey("custody.Therapy", on_delete=models.CASCADE, related_name="labels", db_constraint=False)
    serial = models.SmallIntegerField()
    reason = models.CharField(max_length=20, blank=True)
    copies = models.SmallIntegerField(null=True)
    printed_at = models.DateTimeField()
    printed_by = models.UUIDField()
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["therapy", "serial"], name="label_serial_unique")]

    def __str__(self) -> str:
        return f"label {self.serial} of {self.therapy_id}"
