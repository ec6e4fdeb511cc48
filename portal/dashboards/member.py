"""Where administrators and the consortium's steward land: the people of their organisation."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from ledger.clock import now
from ledger.parties.actor import Actor
from portal.accounts import queries
from portal.dashboards.registry import Dashboard, NavItem, register


def query(actor: Actor) -> dict[str, Any]:
    """The organisation's people, where the actor looks after them."""
    at = now()
    may_manage = actor.may("members.manage")
    people = queries.colleagues(by=actor, at=at) if may_manage else ()
    return {"people": people, "may_manage": may_manage, "checked_at": at}


def navigation(actor: Actor) -> list[NavItem]:
    return [NavItem("People" if actor.may("members.manage") else "Home", reverse("home"), icon="users")]


register(
    Dashboard(
        roles=frozenset({"administrator", "operator_steward"}),
        template="dashboards/member.html",
        query=query,
        navigation=navigation,
    )
)
