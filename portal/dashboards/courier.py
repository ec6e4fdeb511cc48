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
from ledger.parties.queries import party_names, party_places
from portal.contacts.queries import numbers_of_others
from portal.dashboards.registry import Dashboard, NavItem, register
from portal.paging import rest
from portal.transport import presenter
from portal.transport.holding import holders_of

AHEAD = timedelta(days=3)
"""How far ahead a courier sees what is booked."""


def jobs(actor: Actor) -> dict[str, Any]:
    """The next pickup or drop, the jobs after it, what colleagues have, hand-overs on the way, what is booked."""
    at = now()
    names = party_names()
    lines = transport.on_the_road(by=actor)
    todo = therapies.my_tasks(by=actor)
    found = presenter.jobs(lines, todo, names, at, by=actor, people=holders_of(lines))
    own = [job for job in found if job.colleague is None]
    ahead = presenter.booked(scheduling.calendar(by=actor, start=at, end=at + AHEAD), at)
    return {
        "next": own[0] if own else None,
        "rest": own[1:],
        "colleagues": [job for job in found if job.colleague is not None and not job.colleague.take_url],
        "more": rest(therapies.count_my_tasks(by=actor, with_held=True), len(todo)),
        "transfers": transport.transfers_offered(by=actor),
        "booked": ahead,
        "numbers": numbers_of_others([*(job.party for job in found), *(one.party for one in ahead)], names, actor),
        "places": party_places(),
        "party_names": names,
        "checked_at": at,
    }


def road(actor: Actor) -> dict[str, Any]:
    """Every shipment on the road, what needs a call first; today's pickups; loggers that are free."""
    at, names = now(), party_names()
    lines = transport.on_the_road(by=actor)
    found = [presenter.shipment_view(line, at) for line in lines]
    ahead = presenter.booked(scheduling.calendar(by=actor, start=at, end=at + AHEAD), at)
    concerned = [party for line in lines for party in (line.holder, line.origin, line.destination)]
    return {
        "shipments": sorted(found, key=lambda view: (view.rank, view.line.hold_ends_at)),
        "wrong": [view for view in found if view.rank == 0],
        "booked": ahead,
        "people": holders_of(lines),
        "places": party_places(),
        "transfers": transport.transfers_offered(by=actor),
        "party_names": names,
        "numbers": numbers_of_others([*concerned, *(one.party for one in ahead)], names, actor),
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
