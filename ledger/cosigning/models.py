"""Witnesses that this log knows, their co-signatures, and the tokens with which they read it."""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7
from ledger.log.logs import OPERATORS


class Witness(models.Model):
    """One key of a member's witness. A witness with two kinds of key has two rows under one name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="witnesses", db_constraint=False)
    name = models.CharField(max_length=255)
    key_id = models.CharField(max_length=8)
    vkey = models.TextField()
    enrolled_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["name", "key_id"], name="witness_key_unique")]

    def __str__(self) -> str:
        return self.name


class Cosignature(models.Model):
    """A witness's latest signature under the checkpoint of one size. It is verified before it is kept."""

    id = models.BigAutoField(primary_key=True)
    witness = models.ForeignKey(Witness, on_delete=models.PROTECT, related_name="cosignatures")
    log = models.CharField(max_length=16, default=OPERATORS, blank=True)
    size = models.BigIntegerField()
    line = models.TextField()
    signed_at = models.DateTimeField()
    first_signed_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["witness", "log", "size"], name="cosignature_once_a_size")]
        indexes = [models.Index(fields=["log", "-size"], name="cosignature_size")]

    def __str__(self) -> str:
        return f"{self.witness_id} at {self.size}"


class LogToken(models.Model):
    """Lets a member's machine read the log; only the token's SHA-256 is kept."""

    digest = models.CharField(primary_key=True, max_length=64)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return self.digest[:12]
