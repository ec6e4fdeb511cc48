"""Where administrators and the consortium's steward land: the people of their organisation."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from ledger.clock import now
from ledger.parties.actor import Actor
from portal.accounts import queries
from portal.contacts import queries as contacts
from portal.dashboards.oversight import oversight_items
from portal.dashboards.registry import Dashboard, NavItem, register


def query(actor: Actor) -> dict[str, Any]:
    """The organisation's people, where the actor looks after them."""
    at = now()
    may_manage = actor.may("members.manage")
    people = queries.colleagues(by=actor, at=at) if may_manage else ()
    duty = contacts.duty_number(actor.party) if may_manage else None
    return {"people": people, "duty": duty, "may_manage": may_manage, "checked_at": at}


def navigation(actor: Actor) -> list[NavItem]:
    return [
        NavItem("People" if actor.may("members.manage") else "Home", reverse("home"), icon="users"),
        NavItem("Keys", reverse("keys"), icon="key"),
        *_erasures(actor),
        *oversight_items(actor),
    ]


def _erasures(actor: Actor) -> list[NavItem]:
    if actor.party_kind != "treatment_centre" or not actor.may("patient.erase"):
        return []
    return [NavItem("Erasures", reverse("erasures"), icon="eraser")]


register(
    Dashboard(
        roles=frozenset({"administrator", "operator_steward"}),
        template="dashboards/member.html",
        query=query,
        navigation=navigation,
    )
)
