"""Shipments and jobs in words: where to go, what the logger says, how long the container keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.urls import reverse

from custody.scheduling.queries import CalendarEntry
from custody.telemetry.queries import LiveState
from custody.telemetry.reading import celsius
from custody.telemetry.rules import Verdict, band
from custody.therapies.queries import Task, TherapyLine
from custody.transport.queries import ShipmentLine
from ledger.parties.actor import Actor
from portal.presenters import therapies as present
from portal.presenters.therapies import StatusView
from portal.templatetags.np_times import duration
from portal.transport.holding import ColleagueView, colleague_with

SOON = timedelta(hours=1)
PICKUP, DROP = "accept", "offer"
VERBS: Mapping[str, tuple[str, str, str]] = {
    PICKUP: ("Pick up at", "Scan to pick up", "package-export"),
    DROP: ("Deliver to", "Scan to hand over", "package-import"),
}


@dataclass(frozen=True, slots=True)
class ShipmentView:
    """A shipment in a list. `rank` 0 needs a call now, 1 wants watching, 2 is as it should be."""

    line: ShipmentLine
    status: StatusView
    rank: int
    band: str
    left: str
    is_silent: bool


@dataclass(frozen=True, slots=True)
class JobView:
    """A pickup or a drop: `place` is the organisation to go to (`party`), `url` where the scan is."""

    kind: str
    verb: str
    act: str
    icon: str
    therapy: TherapyLine
    party: UUID | None
    place: str
    due_at: datetime
    due: StatusView
    held: str
    url: str
    job_url: str
    shipment: ShipmentView | None
    colleague: ColleagueView | None = None


@dataclass(frozen=True, slots=True)
class BookedView:
    """A journey that is booked: the courier comes to `party` at `starts_at`."""

    call_name: str
    coi: str
    title: str
    starts_at: datetime
    ends_at: datetime
    party: UUID | None


@dataclass(frozen=True, slots=True)
class TiltView:
    """What the logger says of its position."""

    status: StatusView


def shipment_view(line: ShipmentLine, at: datetime) -> ShipmentView:
    silent = line.is_silent(at)
    left = line.hold_ends_at - at
    too_long = "past the hours of fresh cells" if line.is_fresh else "on the way too long"
    if line.is_outside:
        status, rank = StatusView("stop", "Out of range"), 0
    elif left < timedelta(0):
        status, rank = StatusView("stop", f"{duration(-left)} {too_long}", "hourglass-off"), 0
    elif silent:
        heard = line.last.at if line.last else line.packed_at
        status, rank = StatusView("gap", f"Silent for {duration(at - heard)}"), 0
    elif line.last is None:
        status, rank = StatusView("gap", "Nothing heard yet"), 1
    elif left < timedelta(hours=line.leg.hold_max_hours) / 10:
        status, rank = StatusView("due", f"Keeps for {duration(left)}"), 1
    else:
        status, rank = StatusView("ok", "In range"), 2
    over = left < timedelta(0)
    words = f"{duration(abs(left))} over" if over else duration(left)
    return ShipmentView(line, status, rank, band(line.leg), words, silent)


def jobs(
    lines: Sequence[ShipmentLine],
    tasks: Iterable[Task],
    names: Mapping[UUID, str],
    at: datetime,
    *,
    by: Actor,
    people: Mapping[UUID, str],
) -> list[JobView]:
    """The courier's pickups and drops, soonest due first; what an exception holds comes last.

    `people` names who has the shipments. A drop whose shipper a colleague has says so.
    """
    by_therapy = {line.therapy.id: line for line in lines}
    found = []
    for task in tasks:
        if task.kind in VERBS:
            line = by_therapy.get(task.therapy.id)
            whose = colleague_with(line, by, people) if task.kind == DROP else None
            found.append(replace(job(task, line, names, at), colleague=whose))
    return sorted(found, key=lambda one: (bool(one.held), one.due_at))


def job(task: Task, line: ShipmentLine | None, names: Mapping[UUID, str], at: datetime) -> JobView:
    verb, act, icon = VERBS[task.kind]
    place = None
    if line is not None:
        place = line.holder if task.kind == PICKUP else line.destination
    return JobView(
        kind=task.kind,
        verb=verb,
        act=act,
        icon=icon,
        therapy=task.therapy,
        party=place,
        place=names.get(place, "") if place else "",
        due_at=task.due_at,
        due=due_status(task.due_at, at),
        held=present.held_words(task),
        url=reverse("step", args=[task.therapy.id, task.step]),
        job_url=reverse("job", args=[task.therapy.id]),
        shipment=shipment_view(line, at) if line else None,
    )


def due_status(due_at: datetime, at: datetime) -> StatusView:
    left = due_at - at
    if left < timedelta(0):
        return StatusView("stop", f"{duration(-left)} late", "clock-exclamation")
    if left <= SOON:
        return StatusView("due", f"Due in {duration(left)}")
    return StatusView("ok", f"In {duration(left)}")


def booked(entries: Iterable[CalendarEntry], at: datetime) -> list[BookedView]:
    """What is booked and has not begun, and where it begins: the way back at the maker, else at the centre."""
    return [
        BookedView(
            one.therapy.call_name,
            one.therapy.coi,
            one.kind_title,
            one.starts_at,
            one.ends_at,
            one.therapy.maker if one.kind == "return" else one.therapy.centre,
        )
        for one in entries
        if one.is_own and not one.is_released and one.starts_at > at
    ]


def live_status(state: LiveState) -> StatusView:
    """What the last reading says. Silence is never called fine."""
    if state.last is None:
        return StatusView("gap", "Nothing heard yet")
    if state.is_outside:
        limit = state.leg.high_c100 if state.last.temperature_c100 > state.leg.high_c100 else state.leg.low_c100
        return StatusView("stop", f"Out of range, limit {celsius(limit)}")
    if state.silence_seconds > state.leg.gap_max_minutes * 60:
        return StatusView("gap", f"Silent for {duration(timedelta(seconds=state.silence_seconds))}")
    if state.is_silent:
        return StatusView("due", f"Nothing for {duration(timedelta(seconds=state.silence_seconds))}")
    return StatusView("ok", "In range")


VERDICTS: Mapping[Verdict, StatusView] = {
    Verdict.IN_LIMITS: StatusView("ok", "In range all the way"),
    Verdict.WITHIN_BUDGET: StatusView("due", "Outside for a while, within the budget"),
    Verdict.TILT: StatusView("stop", "Tilted too long", "rotate-clockwise"),
    Verdict.SHOCK: StatusView("stop", "Shaken too hard"),
    Verdict.GAP: StatusView("gap", "Readings are missing"),
    Verdict.NO_READINGS: StatusView("gap", "No readings"),
    Verdict.EXCURSION: StatusView("stop", "Out of range beyond the budget"),
}
"""What a leg's readings say, in a few words."""


def tilt_status(state: LiveState) -> StatusView:
    """Upright or not, by the last reading, and by what was tilted too long before."""
    if state.report.tilts:
        worst = max(state.report.tilts, key=lambda tilt: tilt.minutes)
        return StatusView("stop", f"Was tilted {worst.peak_degrees}° for {worst.minutes} min", "rotate-clockwise")
    if state.last is None:
        return StatusView("wait", "Tilt not known")
    if state.last.tilt_degrees > state.leg.tilt_max_degrees:
        return StatusView(
            "stop", f"Tilted {state.last.tilt_degrees}°, {state.leg.tilt_max_degrees}° allowed", "rotate-clockwise"
        )
    return StatusView("ok", f"Upright, {state.last.tilt_degrees}°", "arrow-up-bar")


def hold_status(state: LiveState) -> StatusView:
    """How long the container keeps the cells, or how long fresh ones keep since their collection."""
    left = state.hold_left_minutes
    total = duration(timedelta(hours=state.hold_max_hours))
    if state.is_fresh:
        total = f"{state.hold_max_hours} h"
    if left < 0:
        return StatusView("stop", f"Past its {total}")
    if left < state.hold_max_hours * 6:
        return StatusView("due", f"Of {total}")
    return StatusView("ok", f"Of {total}")
