"""The treatment centre's worklist: nurse, coordinator, physician and cell lab across all therapies and all makers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from custody.exceptions import queries as exceptions
from custody.scheduling.queries import Room, room_this_week
from custody.therapies import queries
from custody.therapies.queries import Task
from ledger.clock import now
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.accounts.roles import ROLES
from portal.dashboards import tasks as present_tasks
from portal.dashboards.registry import Dashboard, NavItem, register
from portal.presenters import therapies as present
from portal.presenters.therapies import StageView, StatusView
from portal.templatetags.np_times import relative

WITH_OTHERS_SHOWN = 6
DONE_SHOWN = 20
WORKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class ElsewhereView:
    """A therapy that is with somebody else: who is awaited, for what, until when."""

    call_name: str
    url: str
    status: StatusView
    stages: tuple[StageView, ...]
    sentence: str


def query(actor: Actor) -> Mapping[str, Any]:
    """The context of the page. The number of database queries does not grow with the number of therapies."""
    at = now()
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(at), time()))
    agenda = present_tasks.agenda_of(actor, at)
    done = queries.done_since(by=actor, since=midnight, limit=DONE_SHOWN + 1)
    elsewhere = queries.with_others(by=actor, limit=WITH_OTHERS_SHOWN + 1)
    names = party_names()
    today = timezone.localdate(at)
    ahead = today.weekday() >= WORKING_DAYS
    room = room_this_week(by=actor, at=_next_monday(at) if ahead else at)
    return {
        "agenda": agenda,
        "stops": exceptions.stops(by=actor) if actor.may("exception.close") else [],
        "done": done[:DONE_SHOWN],
        "more_done": len(done) > DONE_SHOWN,
        "elsewhere": [_elsewhere(task, names, actor.party, at) for task in elsewhere[:WITH_OTHERS_SHOWN]],
        "more_elsewhere": len(elsewhere) > WITH_OTHERS_SHOWN,
        "room": room,
        "room_title": "Room next week" if ahead else "Room this week",
        "room_days": room_days(room, today),
        "room_rows": room_rows(room),
        "may_order": actor.may("therapy.order"),
        "at": at,
    }


def _next_monday(at: datetime) -> datetime:
    """The first moment of next week: at its end nobody looks at the week that is over."""
    day = timezone.localdate(at)
    return timezone.make_aware(datetime.combine(day + timedelta(days=7 - day.weekday()), time()))


def room_days(room: Room, today: date) -> list[dict[str, Any]]:
    """The working days of the week, and those of its end that offer a place."""
    return [{"day": room.days[place], "today": room.days[place] == today} for place in _places(room)]


def room_rows(room: Room) -> list[dict[str, Any]]:
    """One row a kind of place: each day's words and whether there is room."""
    places = _places(room)
    return [
        {
            "title": row.title,
            "cells": [
                {"words": _room_words(day.places, day.free, day.is_past), "free": day.free > 0 and not day.is_past}
                for day in (row.days[place] for place in places)
            ],
        }
        for row in room.rows
    ]


def _places(room: Room) -> list[int]:
    return [
        place
        for place in range(len(room.days))
        if place < WORKING_DAYS or any(row.days[place].free for row in room.rows if row.kind in {"apheresis", "bed"})
    ]


def _room_words(places: int, free: int, is_past: bool) -> str:
    if is_past:
        return "past"
    if not places:
        return "shut"
    return str(free) if free else "full"


def _elsewhere(task: Task, names: Mapping[UUID, str], own: UUID, at: datetime) -> ElsewhereView:
    who = " or ".join(ROLES[role].name.lower() for role in task.roles if role in ROLES)
    party = "your own house" if task.party == own else names.get(task.party, "another organisation")
    held = present.held_words(task)
    due = f"{relative(task.due_at, at)}" if task.due_at < at else f"due {relative(task.due_at, at)}"
    return ElsewhereView(
        call_name=task.therapy.call_name,
        url=reverse("therapy", args=[task.therapy.id]),
        status=StatusView("stop", held) if held else present.status_of(task.therapy),
        stages=present.stages_of(task.therapy),
        sentence=f"{task.title}: {who} of {party}, {due}.",
    )


def _count(actor: Actor) -> int:
    return queries.count_my_tasks(by=actor, due_before=now() + present_tasks.FAR)


def navigation(actor: Actor) -> list[NavItem]:
    capacity = [NavItem("Capacity", reverse("capacity"), icon="calendar-time")] if actor.may("slots.publish") else []
    patients = [NavItem("Patients", reverse("find_patient"), icon="search")] if actor.may("patient.read") else []
    return [
        NavItem("Worklist", reverse("home"), icon="checklist", count=_count(actor)),
        NavItem("Therapies", reverse("therapies"), icon="clipboard-heart"),
        *patients,
        *capacity,
        NavItem(
            "Exceptions",
            reverse("exceptions"),
            icon="alert-octagon",
            count=exceptions.count_open(by=actor),
            tone="stop",
        ),
    ]


register(
    Dashboard(
        roles=frozenset({"nurse", "coordinator", "physician", "cell_lab"}),
        template="dashboards/treatment_centre.html",
        query=query,
        navigation=navigation,
    )
)
