"""The list of therapies, one therapy's journey, and the global scan box."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from custody.contract.worklist import HALTING
from custody.exceptions import queries as exceptions
from custody.holds import queries as holds
from custody.patients import overview as patients
from custody.telemetry import queries as telemetry
from custody.telemetry.permissions import LegNotFound
from custody.therapies import disclosure, queries
from custody.therapies.models import Status
from ledger.clock import now
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.accounts.roles import ROLES
from portal.actions.moving import may_move
from portal.contacts.queries import numbers_of
from portal.journeys import finding, presenter
from portal.paging import page_of
from portal.presenters import broken
from portal.presenters import therapies as present
from portal.presenters.money import money

PAGE = 50
FOUND = 10
"""Therapies that the search in the frame shows where more than one is alike."""


def therapy_list(request: HttpRequest) -> HttpResponse:
    """Therapies that the actor may see: filtered by status, searched by call name or identifier."""
    actor = actor_of(request)
    status = request.GET.get("status", "active")
    search = request.GET.get("q", "").strip()[:60]
    wanted = status if status in Status.values else ""

    def fetch(limit: int, offset: int) -> list[queries.TherapyLine]:
        return queries.therapies(by=actor, status=wanted, search=search, limit=limit, offset=offset)

    page, names = page_of(request, fetch, size=PAGE), party_names()
    covers = presenter.covers(page.rows, actor)
    context: dict[str, Any] = {
        "rows": [presenter.row(therapy, names, covers.get(therapy.id)) for therapy in page.rows],
        "statuses": [("", "All"), *Status.choices],
        "status": wanted,
        "search": search,
        "page": page,
        "checked_at": now(),
    }
    return render(request, "journeys/list.html", context)


def journey(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """One therapy: identity, needle to needle, custody with each record's mark, temperature, proofs."""
    actor, at = actor_of(request), now()
    found = queries.journey(therapy=therapy, by=actor)
    names = party_names()
    legs: list[dict[str, Any]] = []
    for leg in found.protocol.legs:
        try:
            legs.append(
                {
                    "leg": leg,
                    "chart": telemetry.chart(by=actor, therapy=therapy, leg=leg.code, at=at, zone=presenter.zone()),
                    "report": telemetry.leg_report(by=actor, therapy=therapy, leg=leg.code, at=at),
                }
            )
        except LegNotFound:
            continue
    known = exceptions.of_therapy(therapy=therapy, by=actor)
    roles = {code: role.name for code, role in ROLES.items()}
    gaps = presenter.gaps_of([(one["leg"].title, one["leg"].gap_max_minutes, one["report"].gaps) for one in legs])
    context: dict[str, Any] = {
        "journey": found,
        "therapy": found.therapy,
        "hold": holds.hold_of(found.state, actor),
        "broken": broken.views(found.broken),
        "status": present.status_of(found.therapy),
        "stages": presenter.dated_stages(found, known),
        "dates": presenter.dates(found),
        "facts": presenter.facts(found, names, at),
        "timeline": presenter.timeline(found, names, roles, gaps, by=actor),
        "proofs": presenter.proofs(found),
        "cover": presenter.cover(found, names, roles),
        "milestones": presenter.milestones(found, actor),
        "price": money(found.protocol.price_minor, found.protocol.currency) if actor.may("payer.decide") else "",
        "gate": presenter.locked_gate(found) if actor.party == found.therapy.centre else None,
        "legs": legs,
        "tasks": [presenter.task(task, at) for task in found.tasks],
        "exceptions": known,
        "is_halted": any(one.kind in HALTING and one.closed_at is None for one in known),
        "sees_values": disclosure.sees_values(actor),
        "erased_at": patients.erased_at(patient=found.patient_id) if found.patient is None else None,
        "patient_id": found.patient_id,
        "may_open_patient": actor.may("patient.read") and actor.party == found.therapy.centre,
        "may_break_glass": actor.may("glass.break"),
        "may_ask": actor.may("disclosure.ask"),
        "may_end": actor.may("therapy.end") and found.therapy.status == "active",
        "may_move": may_move(found, actor),
        "calls": numbers_of(found, names) if found.therapy.status == "active" else [],
        "party_names": names,
        "checked_at": at,
    }
    return render(request, "journeys/journey.html", context)


def scan(request: HttpRequest) -> HttpResponse:
    """Where a scanned or typed identifier leads: to the one thing to do now, else to the journey."""
    actor = actor_of(request)
    text = request.GET.get("q", "").strip()[:120]
    therapy = finding.exactly(text, actor) if text else None
    if therapy is None:
        found = finding.alike(text, actor, limit=FOUND + 1)
        if len(found) == 1:
            return redirect("therapy", therapy=found[0].id)
        names = party_names()
        context = {
            "text": text,
            "rows": [presenter.row(row, names) for row in found[:FOUND]],
            "more": len(found) > FOUND,
            "searched": finding.searched(actor),
            "shortest": finding.SHORTEST,
            "may_find_patients": actor.may("patient.read"),
        }
        return render(request, "journeys/scan.html", context, status=200 if found or not text else 404)
    mine = [task for task in queries.tasks_of(therapy=therapy, by=actor) if task.mine and not task.held]
    if len(mine) == 1:
        return redirect(reverse("step", args=[therapy, mine[0].step]))
    return redirect("therapy", therapy=therapy)
