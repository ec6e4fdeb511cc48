"""Loggers, what they read, and the commitments to it. `Device` and `ReadingsCommitment` mirror records."""

from __future__ import annotations

from django.db import models


class DeviceKind(models.TextChoices):
    LOGGER = "logger", "Logger"
    GATEWAY = "gateway", "Gateway"


class Device(models.Model):
    """A registered logger or gateway. `place` is its leaf in the device registry that proofs refer to.

    `bjj_x` and `bjj_y` are its BabyJubJub public key (ERC-2494), as decimal text: the numbers have 254 bits.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    place = models.IntegerField(unique=True)
    serial = models.CharField(max_length=40, unique=True)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=10, choices=DeviceKind.choices)
    ed25519 = models.CharField(max_length=64)
    bjj_x = models.CharField(max_length=77)
    bjj_y = models.CharField(max_length=77)
    registered_at = models.DateTimeField()

    class Meta:
        app_label = "custody"

    def __str__(self) -> str:
        return f"{self.kind} {self.serial}"


class DeviceCredential(models.Model):
    """The API key of a device as a keyed hash (HMAC-SHA256); the key itself was shown once and is kept nowhere."""

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, related_name="credential", db_constraint=False
    )
    key_hash = models.CharField(max_length=64)
    issued_at = models.DateTimeField()

    class Meta:
        app_label = "custody"

    def __str__(self) -> str:
        return f"credential of {self.device_id}"


class Reading(models.Model):
    """One reading: hundredths of a degree Celsius, whole degrees of tilt, millionths of a degree of position,
    whole g of shock where the logger measures it."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    temperature_c100 = models.IntegerField()
    tilt_degrees = models.SmallIntegerField()
    latitude_e6 = models.IntegerField(null=True)
    longitude_e6 = models.IntegerField(null=True)
    shock_g = models.SmallIntegerField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["device", "seq"], name="reading_device_seq_unique")]
        indexes = [models.Index(fields=["device", "at"], name="reading_device_at")]

    def __str__(self) -> str:
        return f"{self.device_id} {self.seq}"


class ReadingConflict(models.Model):
    """A reading whose sequence number came before with other content. The first one stands; this one is evidence."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    temperature_c100 = models.IntegerField()
    tilt_degrees = models.SmallIntegerField()
    shock_g = models.SmallIntegerField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [
            models.UniqueConstraint(
                fields=["device", "seq", "at", "temperature_c100", "tilt_degrees"], name="reading_conflict_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.seq}, again"


class ReadingsCommitment(models.Model):
    """A leg's readings as committed on the ledger: the Poseidon root that the logger signed, and how many they are."""

    id = models.UUIDField(primary_key=True, editable=False)
    therapy = models.ForeignKey(
        "custody.Therapy", on_delete=models.CASCADE, related_name="readings", db_constraint=False
    )
    leg = models.CharField(max_length=20)
    root = models.CharField(max_length=77)
    series = models.CharField(max_length=64)
    count = models.IntegerField()
    device_id = models.UUIDField()
    signature = models.JSONField(null=True)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    record_id = models.UUIDField()
    committed_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["therapy", "leg"], name="readings_commitment_unique")]

    def __str__(self) -> str:
        return f"{self.count} readings of {self.leg} of {self.therapy_id}"


class ReadingsSecret(models.Model):
    """What opens a commitment: its salts and the very readings that it covers, sealed (AES-256-GCM).

    Kept apart from `Reading`, so that one which arrives late can never change what was committed.
    """

    therapy_id = models.UUIDField()
    leg = models.CharField(max_length=20)
    sealed = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["therapy_id", "leg"], name="readings_secret_unique")]

    def __str__(self) -> str:
        return f"secret of {self.leg} of {self.therapy_id}"
