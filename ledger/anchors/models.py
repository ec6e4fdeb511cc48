"""Rows of anchoring: what was sent to the chain, and how far the chain's events have been read."""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7


class AnchorStatus(models.TextChoices):
    SENT = "sent", "Sent"
    MINED = "mined", "In a block"
    CONFIRMED = "confirmed", "Confirmed"
    REFUSED = "refused", "Refused by the contract"
    DROPPED = "dropped", "Dropped by the chain"


class ChainTransaction(models.Model):
    """What was sent to the contract, and how far it came."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    account = models.CharField(max_length=42)
    nonce = models.BigIntegerField()
    transaction = models.CharField(max_length=66)
    fee_per_gas = models.DecimalField(max_digits=30, decimal_places=0)
    status = models.CharField(max_length=12, choices=AnchorStatus, default=AnchorStatus.SENT)
    problem = models.CharField(max_length=300, blank=True)
    block = models.BigIntegerField(null=True)
    block_hash = models.CharField(max_length=66, blank=True)
    gas_used = models.BigIntegerField(null=True)
    sent_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Anchor(ChainTransaction):
    """One checkpoint that was sent to the contract. The chain is the evidence; this is the memory of having asked."""

    size = models.BigIntegerField()
    root = models.CharField(max_length=64)

    class Meta:
        app_label = "ledger"
        indexes = [models.Index(fields=["-size"], name="anchor_size")]
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "transaction"], name="anchor_transaction_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.size} in {self.transaction[:12]}"


class ProofSending(ChainTransaction):
    """One compliance proof that this portal sent to the contract. `record` is the ledger record that published it."""

    record_id = models.UUIDField()
    statement = models.CharField(max_length=64)

    class Meta:
        app_label = "ledger"
        indexes = [models.Index(fields=["record_id"], name="proof_sending_record")]
        constraints = [
            models.UniqueConstraint(fields=["chain_id", "transaction"], name="proof_sending_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.statement[:12]} in {self.transaction[:12]}"


class ProvenOnChain(models.Model):
    """A published proof that the contract verified, in a block that is final; whichever member (`by`) sent it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    record_id = models.UUIDField()
    statement = models.CharField(max_length=64)
    chain_id = models.BigIntegerField()
    contract = models.CharField(max_length=42)
    transaction = models.CharField(max_length=66)
    block = models.BigIntegerField()
    by = models.CharField(max_length=42)
    seen_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [
            models.UniqueConstraint(fields=["record_id", "chain_id", "contract"], name="proven_on_chain_once"),
        ]

    def __str__(self) -> str:
        return f"{self.statement[:12]} in block {self.block}"


class AnchorCursor(models.Model):
    """The next block of a contract whose events are to be read; everything before it is final and was compared."""

    contract = models.CharField(primary_key=True, max_length=64)
    next_block = models.BigIntegerField()

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return f"{self.contract} from {self.next_block}"
