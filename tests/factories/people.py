"""Organisations and people for tests, made by the operations that make them anywhere else."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth.hashers import make_password

from ledger.parties.actor import Actor
from ledger.parties.contract import operator_of
from ledger.parties.models import Party
from ledger.parties.operations import enrol_party, founding_actor
from portal.accounts.actors import actor_for
from portal.accounts.models import Membership
from portal.accounts.operations import place_person

PASSWORD = "a long enough password"
JOINED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
TIME_ZONES = {
    "treatment_centre": "Europe/Vienna",
    "manufacturer": "Europe/Brussels",
    "courier": "Europe/Amsterdam",
    "payer": "Europe/London",
    "regulator": "Europe/Amsterdam",
    "operator": "UTC",
}


def organisation(kind: str, number: int = 1, *, time_zone: str = "") -> Party:
    """The organisation of that kind and number, enrolled on the ledger unless it is there."""
    if not Party.objects.filter(pk=operator_of(settings.LOG_ORIGIN)).exists():
        _enrol("OPERATOR", "operator", "UTC")
    if kind == "operator":
        return Party.objects.get(pk=operator_of(settings.LOG_ORIGIN))
    code = f"{kind[:4].upper()}{number}"
    if not Party.objects.filter(code=code).exists():
        _enrol(code, kind, time_zone or TIME_ZONES[kind])
    return Party.objects.get(code=code)


def _enrol(code: str, kind: str, time_zone: str) -> None:
    enrol_party(
        code=code,
        name=f"Organisation {code}",
        kind=kind,
        country="AT",
        city="Wien",
        time_zone=time_zone,
        by=founding_actor(),
        at=JOINED,
        key=f"enrol-{code}",
    )


def member(role: str, party: Party, *, name: str = "", email: str = "", password: str = PASSWORD) -> Membership:
    """A person in that role, who can sign in with `PASSWORD`."""
    name = name or f"{role.replace('_', ' ').title()} Person"
    count = Membership.objects.count()
    return place_person(
        party=party,
        email=email or f"{role}{count}@{party.code.lower()}.example",
        name=name,
        role=role,
        at=JOINED,
        password_hash=make_password(password),
    )


def actor(role: str, party: Party, *, method: str = "password+totp") -> Actor:
    """The actor of a fresh person in that role."""
    held = member(role, party)
    return actor_for(held.user, held, method)
