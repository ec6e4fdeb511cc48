"""Screens in tests: a told consortium's people at Django's test client, and the fields that a step's form asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.test import Client
from django.urls import reverse

from custody.protocols.document import Step
from custody.therapies.queries import protocol_by_digest
from ledger.clock import parse_stamp
from ledger.ids import uuid7
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from portal.demonstration.consortium import Cast
from tests.factories.therapies import Told

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def signed_in(actor: Actor) -> Client:
    """A client with the session of this person."""
    client = Client()
    client.force_login(User.objects.get(pk=actor.person), backend=BACKEND)
    return client


def somebody(cast: Cast, code: str, role: str) -> Client:
    """A client with the session of somebody of this organisation in this role."""
    return signed_in(cast.actor(cast.parties[code].id, role))


def step_form(therapy: Told, step: str, *, second: Actor | None = None, **changed: str) -> dict[str, Any]:
    """What a person sends for a step that is in limits; `changed` overrides."""
    known = protocol_by_digest(therapy.state["protocol"]).step(step)
    assert known is not None
    values = therapy.values(step)
    sent = {f"value_{code}": value for code, value in values.items()}
    sent |= {f"scan_{name}": code for name, code in therapy.scans(step, values).items()}
    sent |= {"idempotency_key": str(uuid7()), "signing_password": PASSWORD}
    if second is not None:
        sent |= {"second_email": User.objects.get(pk=second.person).email, "second_password": PASSWORD}
    return sent | _booked_times(therapy, known) | changed


def _booked_times(therapy: Told, step: Step) -> dict[str, str]:
    """A collection on the day that is booked for it, as the centre's clock says; other steps end now."""
    if step.kind != "collection":
        return {}
    centre = Party.objects.get(pk=therapy.state["parties"]["centre"])
    booked = parse_stamp(therapy.state["slots"][step.due.slot]["end"]).astimezone(ZoneInfo(centre.time_zone))
    times = {"started_at": booked - timedelta(hours=4), "occurred_at": booked - timedelta(minutes=10)}
    return {name: f"{at:%Y-%m-%dT%H:%M}" for name, at in times.items()}


def step_url(therapy: Told, step: str) -> str:
    return reverse("step", args=[therapy.therapy, step])
