"""The patient as everybody may know them: a pseudonym. Who it is stands sealed in `ledger.privacy`."""

from __future__ import annotations

from django.db import models

from ledger.clock import now
from ledger.ids import uuid7


class Patient(models.Model):
    """`id` is the pseudonym (GDPR art. 4(5)); `record_number_index` a blind index, unique within the centre.

    `index_version` is the key that the index is under. `erased` says what an erasure has left: "" all, "rest" what
    traces the cells, "whole" nothing.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    centre = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    record_number_index = models.CharField(max_length=64)
    index_version = models.PositiveSmallIntegerField(default=0)
    enrolment_key = models.CharField(max_length=90)
    created_at = models.DateTimeField()
    erased = models.CharField(max_length=5, blank=True, default="")
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "custody"
        constraints = [
            models.UniqueConstraint(fields=["centre", "record_number_index"], name="patient_record_number_unique"),
            models.UniqueConstraint(fields=["centre", "enrolment_key"], name="patient_enrolment_key_unique"),
        ]

    def __str__(self) -> str:
        return f"patient {self.id}"


class PatientErasure(models.Model):
    """An erasure, asked for and carried out; a row mirrors the records of the patient's chain."""

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.UUIDField(db_index=True)
    patient_id = models.UUIDField(db_index=True)
    holder = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    scope = models.CharField(max_length=5)
    reason = models.CharField(max_length=24)
    kept_until = models.DateTimeField(null=True)
    status = models.CharField(max_length=10)
    asked_at = models.DateTimeField(null=True)
    asked_by = models.UUIDField(null=True)
    done_at = models.DateTimeField(null=True)
    done_by = models.UUIDField(null=True)
    record_id = models.UUIDField()

    class Meta:
        app_label = "custody"
        indexes = [models.Index(fields=["holder", "status", "asked_at"], name="erasure_holder_status")]

    def __str__(self) -> str:
        return f"erasure ({self.scope}) of patient {self.patient_id}: {self.status}"


class PatientAct(models.Model):
    """A correction, a restriction or a copy given; a row mirrors the records of the patient's chain.

    `id` is the record's, or the restriction's, which two records speak of. `changes` holds a correction's fields: the
    commitments before and after. `ended_at` is when a restriction was lifted.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.UUIDField(db_index=True)
    patient_id = models.UUIDField()
    holder = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=10)
    reason = models.CharField(max_length=24, blank=True)
    changes = models.JSONField(default=dict)
    at = models.DateTimeField()
    by = models.UUIDField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)

    class Meta:
        app_label = "custody"
        indexes = [models.Index(fields=["patient_id", "kind", "-at"], name="patient_act_patient_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of patient {self.patient_id}"


class PatientAccess(models.Model):
    """That a person opened a patient's identity, where and why: append-only, triggers refuse anything else.

    `way` is where it was shown (`worklist`, `journey`, `emergency`, `search`…); `purpose` why, where it is asked.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient_id = models.UUIDField()
    centre = models.UUIDField()
    person = models.UUIDField()
    party = models.UUIDField()
    role = models.CharField(max_length=40)
    way = models.CharField(max_length=24)
    purpose = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["patient_id", "-at"], name="access_patient_time"),
            models.Index(fields=["centre", "-at"], name="access_centre_time"),
        ]

    def __str__(self) -> str:
        return f"{self.person} opened {self.patient_id}: {self.way}"
