"""The patient as everybody may know them: a pseudonym. Who it is stands sealed in `ledger.privacy`."""

from __future__ import annotations

from django.db import models


class Patient(models.Model):
    """`id` is the pseudonym (GDPR art. 4(5)); `record_number_index` a blind index, unique within the centre."""

    id = models.UUIDField(primary_key=True, editable=False)
    centre = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    record_number_index = models.CharField(max_length=64)
    enrolment_key = models.CharField(max_length=90)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [
            models.UniqueConstraint(fields=["centre", "record_number_index"], name="patient_record_number_unique"),
            models.UniqueConstraint(fields=["centre", "enrolment_key"], name="patient_enrolment_key_unique"),
        ]

    def __str__(self) -> str:
        return f"patient {self.id}"
