"""Where a maker's people land: control tower, sign-offs of QA and the Qualified Person, the scheduler's weeks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from custody.contract.worklist import HALTING
from custody.exceptions import queries as exceptions
from custody.therapies import queries as therapies
from custody.transport import queries as transport
from ledger.clock import now
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from manufacturing.batches import queries as batches
from manufacturing.quality import queries as quality
from portal.batches import presenter
from portal.dashboards import tasks
from portal.dashboards.ahead import ahead
from portal.dashboards.oversight import oversight_items
from portal.dashboards.registry import Dashboard, Navigation, NavItem, register
from portal.paging import rest
from portal.transport.presenter import shipment_view

SHOWN_EXCEPTIONS = 5
COLLEAGUES_SHOWN = 6


def tower(actor: Actor) -> dict[str, Any]:
    """What this role does next, what holds batches, every batch by stage, what is on its way here."""
    at = now()
    road = [line for line in transport.on_the_road(by=actor) if line.destination == actor.party]
    return _common(actor) | {
        "agenda": tasks.agenda_of(actor, at),
        "others": [tasks.view(task, at) for task in therapies.of_colleagues(by=actor, limit=COLLEAGUES_SHOWN)],
        **_board(actor),
        "coming": [shipment_view(line, at) for line in road],
        "checked_at": at,
    }


def sign_offs(kind: str) -> Callable[[Actor], dict[str, Any]]:
    """The batches that wait for review, or for release."""

    def query(actor: Actor) -> dict[str, Any]:
        at = now()
        waiting = quality.waiting(by=actor, kind=kind)
        count = quality.count_waiting(by=actor, kind=kind)
        mine = therapies.my_tasks(by=actor)
        free = [one for one in waiting if not one.task.held]
        return _common(actor) | {
            "kind": kind,
            "count": count,
            "more": rest(count, len(waiting)),
            "next": (free[0], tasks.view(free[0].task, at)) if free else None,
            "rest": [(one, tasks.view(one.task, at)) for one in waiting if not free or one is not free[0]],
            "others": [tasks.view(task, at) for task in mine if task.kind != kind],
            **_board(actor),
            "checked_at": at,
        }

    return query


def _board(actor: Actor) -> dict[str, Any]:
    """The beginning of the board: the therapies longest under way, by stage."""
    lines = batches.board(by=actor, limit=batches.BOARD + 1)
    return {
        "groups": presenter.board(lines[: batches.BOARD]),
        "board_shown": batches.BOARD * (len(lines) > batches.BOARD),
    }


def _common(actor: Actor) -> dict[str, Any]:
    count = exceptions.count_open(by=actor)
    shown = exceptions.open_exceptions(by=actor, limit=SHOWN_EXCEPTIONS)
    # Worst first: what halts a therapy is among them. Where it stands above everything, it is not listed again.
    stops = [one for one in shown if one.kind in HALTING] if actor.may("exception.close") else []
    return {
        "exceptions": [one for one in shown if one not in stops],
        "exceptions_count": count,
        "exceptions_more": rest(count, len(shown)),
        "stops": stops,
        "party_names": party_names(),
    }


def _navigation(home: str, icon: str) -> Navigation:
    def navigation(actor: Actor) -> list[NavItem]:
        return [
            NavItem(home, reverse("home"), icon=icon, count=therapies.count_my_tasks(by=actor)),
            NavItem("Batches", reverse("batches"), icon="flask"),
            NavItem("Capacity", reverse("capacity"), icon="calendar-time"),
            NavItem("Shipments", reverse("shipments"), icon="truck"),
            NavItem(
                "Exceptions",
                reverse("exceptions"),
                icon="alert-octagon",
                count=exceptions.count_open(by=actor),
                tone="stop",
            ),
            *_disclosures(actor),
            *oversight_items(actor),
        ]

    return navigation


def _disclosures(actor: Actor) -> list[NavItem]:
    if not actor.may("disclosure.answer"):
        return []
    return [NavItem("Disclosures", reverse("disclosures"), icon="lock-open")]


register(
    Dashboard(
        roles=frozenset({"operator", "qc_analyst"}),
        template="dashboards/manufacturer.html",
        query=tower,
        navigation=_navigation("Control tower", "layout-dashboard"),
    )
)
register(
    Dashboard(
        roles=frozenset({"qa"}),
        template="batches/sign_offs.html",
        query=sign_offs("review"),
        navigation=_navigation("Review", "clipboard-check"),
    )
)
register(
    Dashboard(
        roles=frozenset({"qp"}),
        template="batches/sign_offs.html",
        query=sign_offs("release"),
        navigation=_navigation("Release", "certificate"),
    )
)
register(
    Dashboard(
        roles=frozenset({"scheduler"}),
        template="dashboards/scheduler.html",
        query=lambda actor: _common(actor) | _board(actor) | ahead(actor),
        navigation=_navigation("Coming up", "calendar-stats"),
    )
)
