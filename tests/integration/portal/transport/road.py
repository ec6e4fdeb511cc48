"""A therapy that waits on the road, and its couriers at their screens: for the tests beside this file."""

from __future__ import annotations

from django.urls import reverse

from ledger.ids import uuid7
from portal.accounts.demonstration import PASSWORD
from portal.demonstration.story import Story
from tests.factories.screens import signed_in
from tests.factories.therapies import told

PICKUP, DROP = "pickup-outbound", "deliver-outbound"


def at_step(cast, step, number=1, **story):
    return told(cast, Story("told", stop_before=step, **story), number=number)


def words(response):
    return " ".join(response.content.decode().split())


def courier(therapy):
    return signed_in(therapy.actor("courier_outbound", "courier"))


def within(therapy):
    """Two couriers of the company that holds the shipper, and the first one's offer to their colleagues."""
    mine = therapy.actor("courier_outbound", "courier")
    colleague = therapy.actor("courier_outbound", "courier", other_than=mine.person)
    form = {
        "idempotency_key": str(uuid7()),
        "receiver": str(mine.party),
        "seal": therapy.state["custody"]["seal"],
        "signing_password": PASSWORD,
    }
    assert signed_in(mine).post(reverse("job_transfer", args=[therapy.therapy]), form).status_code == 303
    return mine, colleague


def take_form(therapy, **changed):
    custody = therapy.state["custody"]
    keys = {"idempotency_key": str(uuid7()), "signing_password": PASSWORD}
    return {"shipper": custody["container"], "seal": custody["seal"]} | keys | changed
