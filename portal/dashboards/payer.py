"""Where payers land: approvals that wait for them, then milestones and custody by pseudonym, without clinical data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse

from custody.exceptions import queries as exceptions
from custody.reimbursement import queries as reimbursement
from custody.therapies import figures
from custody.therapies import queries as therapies
from custody.therapies.queries import Task
from ledger.clock import now
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.dashboards.registry import Dashboard, NavItem, register
from portal.journeys.presenter import covers, row
from portal.paging import rest
from portal.presenters.money import account, decision, milestone, money
from portal.templatetags.np_times import duration

RECENT_DECISIONS = 5
RECENT_MILESTONES = 8
LISTED = 8


def query(actor: Actor) -> dict[str, Any]:
    """Everything that the dashboard shows, in a constant number of queries."""
    at, names = now(), party_names()
    approvals = sorted(therapies.my_tasks(by=actor), key=lambda task: task.since)
    waiting = therapies.count_my_tasks(by=actor, with_held=True)
    prices = reimbursement.prices(therapies=[task.therapy.id for task in approvals], by=actor)
    counts = figures.count_by_status(by=actor)
    lines = therapies.therapies(by=actor, status="active", limit=LISTED)
    cover = covers(lines, actor)
    return {
        "approvals": [_approval(task, names[task.therapy.centre], prices[task.therapy.id], at) for task in approvals],
        "waiting": waiting,
        "more": rest(waiting, len(approvals)),
        "milestones": [milestone(one) for one in reimbursement.reached(by=actor, limit=RECENT_MILESTONES)],
        "accounts": [account(one) for one in reimbursement.accounts(by=actor)],
        "decisions": [decision(one) for one in reimbursement.decisions(by=actor, limit=RECENT_DECISIONS)],
        "rows": [row(one, names, cover.get(one.id)) for one in lines],
        "active": counts.get("active", 0),
        "counts": counts,
        "open_exceptions": exceptions.count_open(by=actor),
        "checked_at": at,
    }


def _approval(task: Task, centre: str, price: tuple[int, str], at: datetime) -> dict[str, Any]:
    late = task.due_at <= at
    return {
        "task": task,
        "therapy": task.therapy,
        "centre": centre,
        "price": money(*price),
        "waits": duration((at - task.since).total_seconds()),
        "kind": "stop" if late else "due",
        "url": reverse("payer_decision", args=[task.therapy.id]),
    }


def navigation(actor: Actor) -> list[NavItem]:
    open_exceptions = exceptions.count_open(by=actor)
    return [
        NavItem("To decide", reverse("home"), icon="receipt-euro", count=therapies.count_my_tasks(by=actor)),
        NavItem("Therapies", reverse("therapies"), icon="needle-thread"),
        NavItem(
            "Exceptions",
            reverse("exceptions"),
            icon="alert-octagon",
            count=open_exceptions,
            tone="stop",
        ),
        NavItem("Proofs", reverse("proofs"), icon="rosette-discount-check"),
        NavItem("Disclosures", reverse("disclosures"), icon="lock-open"),
        NavItem("Ledger", reverse("ledger"), icon="binary-tree"),
    ]


register(
    Dashboard(
        roles=frozenset({"payer_analyst"}),
        template="dashboards/payer.html",
        query=query,
        navigation=navigation,
    )
)
