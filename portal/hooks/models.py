"""Addresses that members registered, and every attempt to reach them."""

from __future__ import annotations

from django.db import models

from ledger.ids import uuid7


class WebHook(models.Model):
    """Where one member wants to be told. A removed one stays, with its deliveries, and gets nothing more."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    url = models.CharField(max_length=500)
    person = models.UUIDField()
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        app_label = "portal"
        indexes = [models.Index(fields=["party", "removed_at"], name="web_hook_party")]

    def __str__(self) -> str:
        return self.url


class HookDelivery(models.Model):
    """One attempt: what was sent, when, what came back. `status` is the HTTP status, 0 when there was no answer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    hook = models.ForeignKey(WebHook, on_delete=models.CASCADE, related_name="deliveries")
    message = models.CharField(max_length=80)
    kind = models.CharField(max_length=60)
    attempt = models.SmallIntegerField()
    status = models.SmallIntegerField()
    said = models.CharField(max_length=300)
    milliseconds = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        app_label = "portal"
        indexes = [models.Index(fields=["hook", "-at"], name="hook_delivery_time")]

    def __str__(self) -> str:
        return f"{self.message} attempt {self.attempt}"
