"""Builds the frozen `Actor` that domain operations know, from a person, a membership and how they signed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest

from ledger.errors import NotPermitted
from ledger.parties.actor import METHODS, Actor, service_actor
from ledger.parties.models import Party
from portal.accounts.models import Membership, User
from portal.accounts.roles import ROLES, SYSTEM_PERMISSIONS


class NoOrganisation(NotPermitted):
    """The person belongs to no organisation at present."""


def actor_for(user: User, membership: Membership, method: str) -> Actor:
    """The actor of a person in one of their memberships. `method` is one of `ledger.parties.actor.METHODS`."""
    if method not in METHODS:
        raise ValueError(f"{method!r} is no way of signing in")
    if membership.user_id != user.pk:
        raise ValueError("the membership belongs to somebody else")
    party, role = membership.party, ROLES[membership.role]
    return Actor(
        person=user.pk,
        name=user.name,
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        role=role.code,
        permissions=role.permissions if party.kind in role.party_kinds else frozenset(),
        method=method,
    )


def system_actor(party: Party) -> Actor:
    """The organisation's own software: commits readings, opens exceptions by rule, publishes proofs."""
    return service_actor(
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        service="system",
        permissions=SYSTEM_PERMISSIONS,
    )


def keyholder_actor(party: Party) -> Actor:
    """Who holds this installation's keys and acts on them from the server itself, by a command of `manage.py`."""
    return service_actor(
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        service="key holder",
        permissions=frozenset({"keys.manage"} | ({"party.enrol"} if party.kind == "operator" else set())),
    )


def method_of(records: Iterable[Mapping[str, Any]]) -> str:
    """How a session was signed in to, by allauth's records: the strongest of what was shown.

    A recovery code counts as the second factor that it stands in for.
    """
    records = list(records)
    kinds = {str(record.get("type")) for record in records if record.get("method") == "mfa"}
    if "webauthn" in kinds:
        return "passkey"
    if kinds & {"totp", "recovery_codes"}:
        return "password+totp"
    return "sign-on" if any(record.get("method") == "socialaccount" for record in records) else "password"


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a request, for views behind a rule that needs one. Raises NoOrganisation."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        raise NoOrganisation("Your account belongs to no organisation at present. Ask your administrator.")
    return actor
