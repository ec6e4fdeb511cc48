"""Whom to call: one duty telephone number an organisation."""

from __future__ import annotations

from django.db import models

TABLE = "portal_dutynumber"


class DutyNumber(models.Model):
    """The number that an organisation answers at any hour, and the desk behind it.

    It stands here and not on the ledger: it is how to reach an organisation today, no fact of any therapy. Nobody has
    to prove what it was, every member may know it, and it has to be mended at once when a switchboard moves, which a
    record of the register would keep for ever. Who changed it, from what to what, stands in the audit trail. A member
    is a site, so one number each is a number for each site.
    """

    party = models.OneToOneField(
        "ledger.Party", on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    number = models.CharField(max_length=24)
    desk = models.CharField(max_length=60)
    set_at = models.DateTimeField()

    class Meta:
        app_label = "portal"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^\+[1-9]( ?[0-9]){6,14}$"), name="duty_number_as_e164_says"
            )
        ]

    def __str__(self) -> str:
        return self.number
