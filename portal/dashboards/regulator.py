"""Where inspectors land: exceptions worst first, what is proven folded away, and verification in their own browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse

from custody.compliance import queries as compliance
from custody.exceptions import queries as exceptions
from ledger.clock import now
from ledger.parties.actor import Actor
from ledger.parties.queries import parties
from portal.dashboards.oversight import oversight_items
from portal.dashboards.registry import Dashboard, NavItem, register
from portal.presenters.exceptions import view_of
from portal.proofs import presenter

CLOSED_DAYS = 90
SHOWN = 12
FOLDED = 20


def query(actor: Actor) -> dict[str, Any]:
    """Everything that the dashboard shows, in a constant number of queries."""
    at = now()
    members = {member.id: member for member in parties()}
    names = {identifier: member.name for identifier, member in members.items()}
    open_count = exceptions.count_open(by=actor)
    closed = exceptions.closed_exceptions(by=actor, since=at - timedelta(days=CLOSED_DAYS), limit=FOLDED + 1)
    verdicts = compliance.count_by_verdict(by=actor)
    unproven = compliance.unproven(by=actor, limit=FOLDED + 1)
    return {
        "open_count": open_count,
        "exceptions": [view_of(one, names, at) for one in exceptions.open_exceptions(by=actor, limit=SHOWN)],
        "closed": [view_of(one, names, at) for one in closed[:FOLDED]],
        "closed_more": len(closed) > FOLDED,
        "closed_url": reverse("exceptions") if len(closed) > FOLDED else "",
        "closed_days": CLOSED_DAYS,
        "verdicts": verdicts,
        "proven": compliance.proven(by=actor, limit=FOLDED),
        "unproven": unproven[:FOLDED],
        "unproven_more": len(unproven) > FOLDED,
        "sites": presenter.sites(compliance.sites(by=actor), members),
        "proofs": presenter.verification(by=actor),
        "names": names,
        "checked_at": at,
    }


def navigation(actor: Actor) -> list[NavItem]:
    open_exceptions = exceptions.count_open(by=actor)
    return [
        NavItem("Exceptions", reverse("home"), icon="alert-octagon", count=open_exceptions, tone="stop"),
        NavItem("Sites", reverse("sites"), icon="building-hospital"),
        NavItem("Therapies", reverse("therapies"), icon="needle-thread"),
        NavItem("Proofs", reverse("proofs"), icon="rosette-discount-check"),
        NavItem("Disclosures", reverse("disclosures"), icon="lock-open"),
        NavItem("Ledger", reverse("ledger"), icon="binary-tree"),
        NavItem("Keys", reverse("keys"), icon="key"),
        *oversight_items(actor),
    ]


register(
    Dashboard(
        roles=frozenset({"inspector"}),
        template="dashboards/regulator.html",
        query=query,
        navigation=navigation,
    )
)
