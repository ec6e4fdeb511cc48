"""Keys of patients, their wraps for the parties entitled to them, and what is sealed under them."""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7


class DataKey(models.Model):
    """That a 256-bit key for a subject exists. The key itself stands nowhere; only its wraps do.

    `subject` is the patient's pseudonym. `erased_at`: wraps and payloads were destroyed then.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.UUIDField()
    version = models.PositiveSmallIntegerField(default=1)
    holder = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
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
    """A data key as one entitled party can open it."""

    data_key = models.ForeignKey(DataKey, on_delete=models.CASCADE, related_name="wraps")
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=12, choices=WrapMethod.choices)
    wrapped = models.BinaryField()
    granted_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["data_key", "party"], name="key_wrap_party_unique")]

    def __str__(self) -> str:
        return f"{self.method} wrap of {self.data_key_id} for {self.party_id}"


class SealedPayload(models.Model):
    """One value of one field of one row, with its commitment's salt, sealed under the subject's key.

    Never changed: a new value is a new revision, and the old one can still be shown against the record that committed
    to it. `commitment` is what stands on the ledger.
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
