"""Organisations of the consortium and their signing keys; both mirror records of the register chains."""

from __future__ import annotations

from django.db import models


class PartyKind(models.TextChoices):
    TREATMENT_CENTRE = "treatment_centre", "Treatment centre"
    MANUFACTURER = "manufacturer", "Manufacturer"
    COURIER = "courier", "Courier"
    PAYER = "payer", "Payer"
    REGULATOR = "regulator", "Regulator"
    OPERATOR = "operator", "Consortium operator"


class Party(models.Model):
    """A member organisation. `code` is what people and labels call it, for example the ISBT 128 facility code."""

    id = models.UUIDField(primary_key=True, editable=False)
    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=PartyKind.choices)
    country = models.CharField(max_length=2)
    city = models.CharField(max_length=80)
    time_zone = models.CharField(max_length=64)
    latitude_e6 = models.IntegerField(default=0)
    longitude_e6 = models.IntegerField(default=0)

    class Meta:
        app_label = "ledger"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PartyKey(models.Model):
    """An Ed25519 key with which a party signs its records; `key_id` is derived from the key.

    `added_by` and `ended_by` are the register's records: their places in the log are where the key begins and ends.
    `seq` is that of `added_by`, and names the key in the keystore. From `doubtful_since` on the key may have
    been in other hands.
    """

    key_id = models.CharField(primary_key=True, max_length=32)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="keys")
    public_key = models.CharField(max_length=64, unique=True)
    algorithm = models.CharField(max_length=16, default="ed25519")
    origin = models.CharField(max_length=12, default="enrolled")
    seq = models.IntegerField(default=0)
    added_by = models.ForeignKey("ledger.Record", on_delete=models.PROTECT, related_name="+")
    valid_from_at = models.DateTimeField()
    ended_by = models.ForeignKey("ledger.Record", on_delete=models.PROTECT, related_name="+", null=True)
    ended_how = models.CharField(max_length=12, blank=True, default="")
    ended_at = models.DateTimeField(null=True)
    doubtful_since = models.DateTimeField(null=True)

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return self.key_id


class PersonKey(models.Model):
    """A key with which a person, known by a pseudonym, signs for their party; mirrors the person's chain.

    `key` is written as in `ledger.crypto.hand_keys`. `added_by` and `ended_by` are the records that bind and end it:
    their places in the log are where it begins and ends.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.UUIDField(db_index=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+")
    person = models.UUIDField(db_index=True)
    key_id = models.CharField(max_length=16, db_index=True)
    key = models.CharField(max_length=1400)
    kind = models.CharField(max_length=12)
    added_by = models.ForeignKey("ledger.Record", on_delete=models.PROTECT, related_name="+")
    valid_from_at = models.DateTimeField()
    ended_by = models.ForeignKey("ledger.Record", on_delete=models.PROTECT, related_name="+", null=True)
    ended_how = models.CharField(max_length=12, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "ledger"
        constraints = [models.UniqueConstraint(fields=["subject", "key_id"], name="person_key_once")]

    def __str__(self) -> str:
        return self.key_id


class KeyBackup(models.Model):
    """A backup of a party's key in shares; who the custodians are stands on their shares only."""

    set_id = models.CharField(primary_key=True, max_length=32)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+")
    public_key = models.CharField(max_length=64)
    threshold = models.SmallIntegerField()
    custodians = models.SmallIntegerField()
    made_at = models.DateTimeField()
    rehearsed_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return self.set_id


class LogKeyChange(models.Model):
    """A change of the key with which the log signs its checkpoints; both sign until `stopped_by` is in the log."""

    public_key = models.CharField(primary_key=True, max_length=64)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+")
    replaces = models.CharField(max_length=64)
    seq = models.IntegerField()
    until_at = models.DateTimeField()
    announced_by = models.ForeignKey("ledger.Record", on_delete=models.PROTECT, related_name="+")
    stopped_by = models.ForeignKey("ledger.Record", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return self.public_key


class AccessReview(models.Model):
    """An organisation's signed look at who holds which role; mirrors a record. `person` is who signed."""

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.UUIDField()
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    person = models.UUIDField()
    digest = models.CharField(max_length=64)
    people = models.IntegerField()
    roles = models.IntegerField()
    record_id = models.UUIDField()
    reviewed_at = models.DateTimeField()

    class Meta:
        app_label = "ledger"
        indexes = [models.Index(fields=["party", "-reviewed_at"], name="access_review_newest")]

    def __str__(self) -> str:
        return f"access of {self.party_id} reviewed"
