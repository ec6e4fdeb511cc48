"""Rows of the evidence: records, the chains that link them, and the Merkle log over them all.

`Record`, `SignedName`, `Leaf` and `Checkpoint` are append-only; triggers refuse anything else. `Chain` keeps the head
and the state that replaying gives, `LogHead` and `Tile` what the Merkle tree needs; `manage.py verify` recomputes them.
"""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7
from ledger.log.entries import GENESIS
from ledger.log.logs import OPERATORS


class Chain(models.Model):
    """One thread of records about one thing; the next record links to `head_hash`."""

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=20)
    subject = models.UUIDField()
    head_seq = models.IntegerField(default=-1)
    head_hash = models.CharField(max_length=64, default=GENESIS)
    head_log = models.CharField(max_length=16, default=OPERATORS, blank=True)
    state = models.JSONField(default=dict)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="chain_subject_unique")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Record(models.Model):
    """One signed fact, exactly as its author signed it (DSSE over canonical JSON)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without indexes of their own: the two unique constraints begin with these columns.
    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="records", db_index=False)
    seq = models.IntegerField()
    type = models.CharField(max_length=64)
    prev_hash = models.CharField(max_length=64)
    envelope = models.BinaryField()
    entry_hash = models.CharField(max_length=64)
    leaf_hash = models.CharField(max_length=64)
    log = models.CharField(max_length=16, default=OPERATORS, blank=True)
    party = models.ForeignKey(
        "ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
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

    record = models.ForeignKey(
        Record, on_delete=models.PROTECT, related_name="names", db_index=False, db_constraint=False
    )
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
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="pending", db_constraint=False)
    log = models.CharField(max_length=16, default=OPERATORS, blank=True)

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return str(self.record_id)


class Leaf(models.Model):
    """A record's place in its Merkle log (RFC 6962).

    `position` counts the leaves of all logs in the order in which this installation placed them, for those who follow
    it live. Nobody signs it. With one log it is the index.
    """

    position = models.BigIntegerField(primary_key=True)
    log = models.CharField(max_length=16, default=OPERATORS, blank=True)
    index = models.BigIntegerField()
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="leaf")

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["log", "index"], name="leaf_place_unique")]

    def __str__(self) -> str:
        return str(self.index)


class Tile(models.Model):
    """256 consecutive node hashes of one tile level (C2SP tlog-tiles); the last of a level may be partial."""

    log = models.CharField(max_length=16, default=OPERATORS, blank=True)
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["log", "level", "index"], name="tile_place_unique")]

    def __str__(self) -> str:
        return f"tile/{self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed statement of a log's size and root (C2SP tlog-checkpoint)."""

    id = models.BigAutoField(primary_key=True)
    log = models.CharField(max_length=16, default=OPERATORS, blank=True)
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["log", "size"], name="checkpoint_size_unique")]

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class MemberLog(models.Model):
    """A member's own log, as the operator announced it; `code` names it in every table here."""

    code = models.CharField(primary_key=True, max_length=16)
    party = models.OneToOneField("ledger.Party", on_delete=models.PROTECT, related_name="log", db_constraint=False)
    public_key = models.CharField(max_length=64)
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return self.code


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
