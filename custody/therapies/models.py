"""A therapy as the screens read it; every row here mirrors records of its chain (see `projection`)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Status(models.TextChoices):
    ACTIVE = "active", "Under way"
    COMPLETED = "completed", "Infused"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"
    DECLINED = "declined", "Declined by payer"


class Therapy(models.Model):
    """One patient's therapy under one protocol. `id` is its pseudonym on the ledger; `coi` identifies it to people."""

    id = models.UUIDField(primary_key=True, editable=False)
    coi = models.CharField("chain of identity", max_length=14, unique=True)
    call_name = models.CharField(max_length=40)
    patient_id = models.UUIDField()
    protocol_digest = models.CharField(max_length=64)
    product = models.CharField(max_length=120)
    centre = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    payer = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    maker = models.ForeignKey(
        "ledger.Party", on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False
    )
    status = models.CharField(max_length=12, choices=Status.choices)
    ended_reason = models.CharField(max_length=40, blank=True)
    stage = models.CharField(max_length=40)
    next_step = models.CharField(max_length=60, blank=True)
    steps_done = models.SmallIntegerField(default=0)
    open_exceptions = models.SmallIntegerField(default=0)
    proof_state = models.CharField(max_length=12, default="none")
    ordered_at = models.DateTimeField()
    collected_at = models.DateTimeField(null=True)
    infusion_planned_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    held_since = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        verbose_name_plural = "therapies"
        indexes = [
            models.Index(fields=["status", "-changed_at"], name="therapy_status_changed"),
            models.Index(fields=["centre", "status"], name="therapy_centre_status"),
            models.Index(fields=["patient_id"], name="therapy_patient"),
            models.Index(fields=["proof_state", "-changed_at"], name="therapy_proof_changed"),
            models.Index(fields=["-changed_at", "id"], name="therapy_changed"),
            models.Index(fields=["maker", "ordered_at", "id"], condition=Q(status="active"), name="therapy_made"),
            models.Index(fields=["held_since", "id"], condition=Q(held_since__isnull=False), name="therapy_held"),
        ]

    def __str__(self) -> str:
        return f"{self.call_name} ({self.coi})"


class TherapyParty(models.Model):
    """An organisation's part in a therapy: who may see it."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(Therapy, on_delete=models.CASCADE, related_name="parties", db_constraint=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    capacity = models.CharField(max_length=20)

    class Meta:
        app_label = "custody"
        indexes = [models.Index(fields=["party", "therapy"], name="therapy_party_lookup")]

    def __str__(self) -> str:
        return f"{self.party_id} as {self.capacity}"


class StepRecord(models.Model):
    """One performed step. Public values as recorded; sensitive ones are sealed elsewhere, under the same id."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(Therapy, on_delete=models.CASCADE, related_name="steps", db_constraint=False)
    step = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    stage = models.CharField(max_length=40)
    number = models.SmallIntegerField()
    record_id = models.UUIDField(unique=True)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    person = models.UUIDField()
    second_person = models.UUIDField(null=True)
    started_at = models.DateTimeField()
    performed_at = models.DateTimeField()
    in_limits = models.BooleanField()
    values = models.JSONField(default=dict)
    leaf = models.CharField(max_length=80)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["therapy", "performed_at"], name="step_therapy_time"),
            models.Index(fields=["party", "-performed_at"], name="step_party_time"),
            models.Index(fields=["-performed_at", "id"], name="step_time"),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.therapy_id}"


class OpenStep(models.Model):
    """A step that may be done now: the rows of every worklist."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(Therapy, on_delete=models.CASCADE, related_name="open_steps", db_constraint=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    step = models.CharField(max_length=40)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    stage = models.CharField(max_length=40)
    roles = models.CharField(max_length=200)
    since = models.DateTimeField()
    due_at = models.DateTimeField()
    held = models.CharField(max_length=30, blank=True)

    class Meta:
        app_label = "custody"
        indexes = [
            models.Index(fields=["party", "due_at", "id"], name="open_step_party_due"),
            models.Index(fields=["party", "roles", "due_at"], name="open_step_roles"),
            models.Index(fields=["party", "kind", "due_at"], name="open_step_kind"),
            models.Index(fields=["due_at", "id"], name="open_step_due"),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.therapy_id}, due {self.due_at}"


class CoiSerial(models.Model):
    """The last chain-of-identity serial that a facility issued in a year; locked while the next is taken."""

    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    year = models.SmallIntegerField()
    last = models.IntegerField(default=0)

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["party", "year"], name="coi_serial_unique")]

    def __str__(self) -> str:
        return f"{self.party_id} {self.year}: {self.last}"
