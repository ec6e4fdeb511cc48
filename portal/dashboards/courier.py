"""Where a carrier's people land: the courier's jobs of today, the dispatcher's shipments on the road."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse

from custody.scheduling import queries as scheduling
from custody.therapies import queries as therapies
from custody.transport import queries as transport
from ledger.clock import now
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.contacts.queries import others_holding
from portal.dashboards.registry import Dashboard, NavItem, register
from portal.paging import rest
from portal.transport import presenter

AHEAD = timedelta(days=3)
"""How far ahead a courier sees what is booked."""


def jobs(actor: Actor) -> dict[str, Any]:
    """The next pickup or drop, the jobs after it, what is on board, hand-overs of other couriers, what is booked."""
    at = now()
    names = party_names()
    lines = transport.on_the_road(by=actor)
    todo = therapies.my_tasks(by=actor)
    found = presenter.jobs(lines, todo, names, actor.party, at)
    return {
        "next": found[0] if found else None,
        "rest": found[1:],
        "more": rest(therapies.count_my_tasks(by=actor, with_held=True), len(todo)),
        "transfers": transport.transfers_offered(by=actor),
        "booked": presenter.booked(scheduling.calendar(by=actor, start=at, end=at + AHEAD), at),
        "party_names": names,
        "checked_at": at,
    }


def road(actor: Actor) -> dict[str, Any]:
    """Every shipment on the road, what needs a call first; today's pickups; loggers that are free."""
    at, names = now(), party_names()
    found = [presenter.shipment_view(line, at) for line in transport.on_the_road(by=actor)]
    return {
        "shipments": sorted(found, key=lambda view: (view.rank, view.line.hold_ends_at)),
        "wrong": [view for view in found if view.rank == 0],
        "booked": presenter.booked(scheduling.calendar(by=actor, start=at, end=at + AHEAD), at),
        "transfers": transport.transfers_offered(by=actor),
        "party_names": names,
        "numbers": others_holding((view.line.holder for view in found), names, actor),
        "is_home": True,
        "checked_at": at,
    }


def courier_navigation(actor: Actor) -> list[NavItem]:
    return [
        NavItem("Jobs", reverse("home"), icon="truck", count=therapies.count_my_tasks(by=actor)),
        NavItem("Shipments", reverse("shipments"), icon="map-route"),
    ]


def dispatcher_navigation(actor: Actor) -> list[NavItem]:
    return [
        NavItem("On the road", reverse("home"), icon="map-route"),
        NavItem("Loggers", reverse("loggers"), icon="device-sd-card"),
        NavItem("Capacity", reverse("capacity"), icon="calendar-time"),
    ]


register(
    Dashboard(
        roles=frozenset({"courier"}),
        template="dashboards/courier.html",
        query=jobs,
        navigation=courier_navigation,
    )
)
register(
    Dashboard(
        roles=frozenset({"dispatcher"}),
        template="transport/shipments.html",
        query=road,
        navigation=dispatcher_navigation,
    )
)
