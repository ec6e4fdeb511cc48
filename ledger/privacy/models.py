"""Keys of patients, their wraps for the parties entitled to them, and what is sealed under them."""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7


class DataKey(models.Model):
    """That a 256-bit key for a subject exists. The key itself stands nowhere; only its wraps do.

    `subject` is the patient's pseudonym. `version` counts the keys it has had: a renewed one takes the place of the
    old one, which is gone. `erased_at`: wraps and payloads were destroyed then.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.UUIDField()
    version = models.PositiveSmallIntegerField(default=1)
    holder = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    renewed_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["subject", "version"], name="data_key_version_unique")]

    def __str__(self) -> str:
        return f"key {self.version} of {self.subject}"


class WrapMethod(models.TextChoices):
    INSTALLATION = "installation", "Sealed under the installation's key-encryption key"
    HPKE = "hpke", "HPKE (RFC 9180) to the party's X25519 key"


class KeyWrap(models.Model):
    """A data key as one entitled party can open it.

    `wrapped_under` is the version of what opens it: the installation's key for patients' keys, or the party's HPKE key.
    """

    data_key = models.ForeignKey(DataKey, on_delete=models.CASCADE, related_name="wraps")
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=12, choices=WrapMethod.choices)
    wrapped = models.BinaryField()
    wrapped_under = models.PositiveSmallIntegerField(default=0)
    granted_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["data_key", "party"], name="key_wrap_party_unique")]

    def __str__(self) -> str:
        return f"{self.method} wrap of {self.data_key_id} for {self.party_id}"


class SealedPayload(models.Model):
    """One value of one field of one row, with its commitment's salt, sealed under the subject's key.

    A new value is a new revision, and the old one can still be shown against the record that committed to it; only a
    renewed key changes the ciphertext, never value, salt or commitment. `commitment` is what stands on the ledger.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="payloads")
    table = models.CharField(max_length=60)
    row = models.CharField(max_length=60)
    field = models.CharField(max_length=60)
    revision = models.PositiveIntegerField()
    ciphertext = models.BinaryField()
    commitment = models.CharField(max_length=64)
    sealed_by = models.UUIDField()
    sealed_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [
            models.UniqueConstraint(fields=["table", "row", "field", "revision"], name="sealed_payload_revision_unique")
        ]

    def __str__(self) -> str:
        return f"{self.table}.{self.field} revision {self.revision}"


class Purpose(models.TextChoices):
    PATIENT_KEYS = "patient-keys", "Wraps the keys of patients for their holders"
    INDEX = "index", "Makes blind indexes"


class InstallationKey(models.Model):
    """A key of the installation for one purpose, wrapped by the key service (a KEK in the settings, or a KMS).

    Version 0 has no row: it is derived from the key-encryption key of the settings, as installations began.
    """

    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    version = models.PositiveSmallIntegerField()
    wrapped = models.BinaryField()
    key_id = models.CharField(max_length=16)
    kek = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["purpose", "version"], name="installation_key_version_unique")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version}"


class RecipientKey(models.Model):
    """That a party has this version of its HPKE key; the key itself is in the keystore. Version 0 has no row."""

    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["party", "version"], name="recipient_key_version_unique")]

    def __str__(self) -> str:
        return f"HPKE key {self.version} of {self.party_id}"


class KeyRotation(models.Model):
    """A rotation of one kind of key, from its beginning until nothing is left under the old ones.

    What is done is read off the rows themselves, so that a rotation that was killed goes on where it stood.
    """

    kind = models.CharField(max_length=12)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "ledger"
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(finished_at__isnull=True), name="one_rotation_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"rotation of {self.kind} since {self.started_at}"
