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
    """An Ed25519 key with which a party signs its records; `key_id` is derived from the key."""

    key_id = models.CharField(primary_key=True, max_length=32)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="keys")
    public_key = models.CharField(max_length=64, unique=True)
    algorithm = models.CharField(max_length=16, default="ed25519")

    class Meta:
        app_label = "ledger"

    def __str__(self) -> str:
        return self.key_id
