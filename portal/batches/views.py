"""The maker's pages that are read: the board, one batch record, the week's capacity."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from custody.scheduling import queries as scheduling
from custody.scheduling.models import SlotKind
from custody.scheduling.weeks import working_week
from ledger.clock import now
from ledger.parties.queries import party_names
from manufacturing.batches import queries as batches
from portal.accounts.actors import actor_of
from portal.batches import presenter
from portal.journeys.presenter import proofs
from portal.journeys.presenter import task as open_step
from portal.paging import page_of
from portal.presenters import broken

FOLLOWED_AT = {"manufacturer": "batch", "courier": "job"}
"""Where somebody of this kind of organisation follows a therapy; others in its journey."""


def board(request: HttpRequest) -> HttpResponse:
    """Every batch of the maker, by stage and page by page."""
    actor = actor_of(request)
    page = page_of(
        request, lambda limit, offset: batches.board(by=actor, limit=limit, offset=offset), size=batches.BOARD
    )
    context = {
        "groups": presenter.board(page.rows),
        "page": page,
        "party_names": party_names(),
        "checked_at": now(),
    }
    return render(request, "batches/board.html", context)


def record(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """One batch record: every step with who did it, its values against their limits, its times and signatures."""
    actor = actor_of(request)
    found = batches.batch_record(therapy=therapy, by=actor)
    return render(request, "batches/record.html", record_page(found) | {"printed_at": now()})


def record_page(found: batches.BatchRecord) -> dict[str, Any]:
    """What every page about a batch shows of its record."""
    steps, verdicts, at = presenter.steps(found), proofs(found.journey), now()
    return {
        "standing": presenter.proof_standing(found.journey, verdicts),
        "record": found,
        "broken": broken.views(found.journey.broken),
        "batch": found.batch,
        "therapy": found.batch.therapy,
        "status": presenter.batch_status(found.batch),
        "steps": steps,
        "eyes": [step for step in steps if step.reasons],
        "clean": [step for step in steps if step.line.is_clean],
        "to_come": [step for step in steps if step.line.record is None],
        "tests": [step for step in steps if step.line.step.kind == "test"],
        "proofs": verdicts,
        "tasks": [open_step(task, at) for task in found.journey.tasks if task.mine],
        "party_names": party_names(),
    }


def capacity(request: HttpRequest) -> HttpResponse:
    """The week's slots of the actor's organisation, and who has them."""
    return render(request, "batches/capacity.html", week_page(request))


def week_page(request: HttpRequest) -> dict[str, Any]:
    actor, at = actor_of(request), now()
    opening = working_week(timezone.localdate(at))
    try:
        week = date.fromisoformat(request.GET.get("week", ""))
        week = week if abs((week - at.date()).days) < 1500 else opening
    except ValueError:
        week = opening
    shown = scheduling.capacity_board(by=actor, week=week, at=at)
    return {
        "board": shown,
        "kinds": dict(SlotKind.choices),
        "today": timezone.localdate(at),
        "before": shown.days[0] - timedelta(days=7),
        "after": shown.days[0] + timedelta(days=7),
        "may_publish": actor.may("slots.publish"),
        "opens": FOLLOWED_AT.get(actor.party_kind, "therapy"),
        "checked_at": at,
    }
