"""Rows of the evidence: records, the chains that link them, and the Merkle log over them all.

`Record`, `SignedName`, `Leaf` and `Checkpoint` are append-only; triggers refuse anything else. `Chain` keeps the head
and the state that replaying gives, `LogHead` and `Tile` what the Merkle tree needs; `manage.py verify` recomputes them.
"""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7
from ledger.log.entries import GENESIS


class Chain(models.Model):
    """One thread of records about one thing; the next record links to `head_hash`."""

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=20)
    subject = models.UUIDField()
    head_seq = models.IntegerField(default=-1)
    head_hash = models.CharField(max_length=64, default=GENESIS)
    state = models.JSONField(default=dict)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="chain_subject_unique")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Record(models.Model):
    """One signed fact, exactly as its author signed it (DSSE over canonical JSON)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="records")
    seq = models.IntegerField()
    type = models.CharField(max_length=64)
    prev_hash = models.CharField(max_length=64)
    envelope = models.BinaryField()
    entry_hash = models.CharField(max_length=64)
    leaf_hash = models.CharField(max_length=64)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    person = models.UUIDField()
    idempotency_key = models.CharField(max_length=160)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [
            models.UniqueConstraint(fields=["chain", "seq"], name="record_chain_seq_unique"),
            models.UniqueConstraint(fields=["party", "idempotency_key"], name="record_idempotency_unique"),
        ]
        indexes = [models.Index(fields=["type", "recorded_at"], name="record_type_time")]

    def __str__(self) -> str:
        return f"{self.type} {self.entry_hash[:12]}"


class SignedName(models.Model):
    """The printed name under a signature (21 CFR 11.50), committed to by the record; never on the ledger in clear."""

    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="names")
    position = models.SmallIntegerField()
    person = models.UUIDField()
    name = models.CharField(max_length=160)
    salt = models.CharField(max_length=32)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["record", "position"], name="signed_name_unique")]

    def __str__(self) -> str:
        return f"signature {self.position} of {self.record_id}"


class PendingRecord(models.Model):
    """A committed record that the sequencer has not yet given its index."""

    id = models.BigAutoField(primary_key=True)
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="pending")

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return str(self.record_id)


class Leaf(models.Model):
    """A record's place in the Merkle log (RFC 6962)."""

    index = models.BigIntegerField(primary_key=True)
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="leaf")

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return str(self.index)


class Tile(models.Model):
    """256 consecutive node hashes of one tile level (C2SP tlog-tiles); the last of a level may be partial."""

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="tile_place_unique")]

    def __str__(self) -> str:
        return f"tile/{self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed statement of the log's size and root (C2SP tlog-checkpoint)."""

    size = models.BigIntegerField(primary_key=True)
    root = models.CharField(max_length=64)
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Document(models.Model):
    """A published document (a protocol, say) that records refer to by digest: SHA-256 of its canonical JSON."""

    digest = models.CharField(primary_key=True, max_length=64)
    subject = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=60)
    version = models.CharField(max_length=20)
    content = models.JSONField()
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["kind", "code", "version"], name="document_version_unique")]

    def __str__(self) -> str:
        return f"{self.code} {self.version}"


class RefusedAction(models.Model):
    """The audit entry of an action that was refused: all that it leaves behind."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.UUIDField()
    party = models.UUIDField()
    role = models.CharField(max_length=40)
    operation = models.CharField(max_length=120)
    code = models.CharField(max_length=60)
    reason = models.CharField(max_length=500)
    subject = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        indexes = [models.Index(fields=["at"], name="refused_action_at")]

    def __str__(self) -> str:
        return f"{self.operation}: {self.code}"
