"""Tasks as every dashboard shows them: what must I do now, for whom, by when.

One task leads; the rest stands in groups by day, what an exception holds apart. Pure but for the zone of the reader,
which the portal sets for each request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from custody.therapies import queries
from custody.therapies.queries import Task, TherapyLine
from ledger.parties.actor import Actor
from portal.paging import rest
from portal.presenters import planned
from portal.presenters import therapies as present
from portal.presenters.therapies import StageView, StatusView
from portal.templatetags.np_times import duration, local

CODES = ("late", "today", "tomorrow", "later", "held", "far")
FAR = timedelta(days=10)
"""Due after this time is folded: nobody does it this week."""
SHOWN = 50
"""Tasks on a dashboard; all of them stand on the worklist's pages."""
SOON = timedelta(minutes=60)
"""Due within this time is shown as due."""

ACTS: Mapping[str, tuple[str, str, str]] = {
    "payer_approval": ("Decide on cover", "Decide", "receipt-euro"),
    "booking": ("Choose a slot chain", "Choose slots", "calendar-event"),
    "label": ("Print the labels", "Print labels", "printer"),
    "collection": ("Scan wristband to begin", "Start collection", "scan"),
    "pack": ("Scan label to begin", "Pack", "package"),
    "offer": ("Scan to hand over", "Hand over", "scan"),
    "accept": ("Scan shipper to begin", "Take over", "scan"),
    "acceptance": ("Scan and accept", "Accept", "package-import"),
    "process": ("Open the step", "Open step", "flask"),
    "test": ("Enter the result", "Enter result", "test-pipe"),
    "review": ("Open the review", "Review", "clipboard-check"),
    "release": ("Open the release", "Decide", "certificate"),
    "gate": ("Confirm the gate", "Confirm gate", "lock-open"),
    "preparation": ("Record it", "Record", "stethoscope"),
    "bedside": ("Scan wristband to begin", "Start check", "scan"),
    "infusion": ("Scan wristband to begin", "Infuse", "scan"),
    "outcome": ("Record the outcome", "Record", "clipboard-text"),
}
"""The button of a step of this kind: on the next action, in a row, and its icon."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task in words. `at` is when it is booked for, else when it is due at the latest; `when` stands under the clock,
    `due` heads the next action, `held` says why it waits."""

    id: UUID
    therapy: TherapyLine
    step: str
    kind: str
    title: str
    url: str
    journey_url: str
    act: str
    act_short: str
    act_icon: str
    at: datetime
    due_at: datetime
    when: str
    due: str
    due_kind: str
    reason: str
    status: StatusView
    stages: tuple[StageView, ...]
    held: str
    mine: bool
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Tasks under one heading. `code` is late, today, tomorrow, later, far (folded) or held."""

    code: str
    title: str
    note: str
    tasks: tuple[TaskView, ...]


@dataclass(frozen=True, slots=True)
class Agenda:
    """The next action, then the rest by day; what an exception holds stands last.

    `count` is of what is to be done soon and stops at MANY; `rest` says how many tasks are not shown, in words.
    """

    next: TaskView | None
    groups: tuple[TaskGroup, ...]
    count: int
    rest: str

    @property
    def held_count(self) -> int:
        return sum(len(group.tasks) for group in self.groups if group.code == "held")


def view(task: Task, at: datetime) -> TaskView:
    """One task in words, at this moment."""
    act, short, icon = ACTS.get(task.kind, ("Open the step", "Open step", "arrow-right"))
    held = present.held_words(task)
    due, due_kind = _due(task, at)
    return TaskView(
        id=task.id,
        therapy=task.therapy,
        step=task.step,
        kind=task.kind,
        title=task.title,
        url=reverse("step", args=[task.therapy.id, task.step]),
        journey_url=reverse("therapy", args=[task.therapy.id]),
        act=act,
        act_short=short,
        act_icon=icon,
        at=planned.shown_at(task, at),
        due_at=task.due_at,
        when=planned.when(task, at),
        due=due,
        due_kind=due_kind,
        reason=planned.reason(task, at),
        status=_status(task, at, held),
        stages=present.stages_of(task.therapy),
        held=held,
        mine=task.mine,
        roles=task.roles,
    )


def agenda_of(actor: Actor, at: datetime) -> Agenda:
    """What the actor's role has to do: the soonest due in full, the rest as a number."""
    shown = queries.my_tasks(by=actor, limit=SHOWN)
    return agenda(
        shown,
        at,
        count=queries.count_my_tasks(by=actor, due_before=at + FAR),
        more=rest(queries.count_my_tasks(by=actor, with_held=True), len(shown)),
    )


def agenda(tasks: Sequence[Task], at: datetime, *, count: int | None = None, more: str = "") -> Agenda:
    """The tasks, soonest due first, as a dashboard shows them. `count` None: these are all that there are."""
    views = [view(task, at) for task in sorted(tasks, key=lambda task: (task.due_at, task.id))]
    free = [one for one in views if not one.held]
    held = [one for one in views if one.held]
    first, rest = (free[0], free[1:]) if free and free[0].due_at <= at + FAR else (None, free)
    today = timezone.localdate(at)
    tomorrow = today + timedelta(days=1)
    by_code: dict[str, list[TaskView]] = {code: [] for code in CODES}
    for one in rest:
        day = timezone.localdate(one.due_at)
        if one.due_at < at:
            by_code["late"].append(one)
        elif day == today:
            by_code["today"].append(one)
        elif day == tomorrow:
            by_code["tomorrow"].append(one)
        elif one.due_at > at + FAR:
            by_code["far"].append(one)
        else:
            by_code["later"].append(one)
    by_code["held"] = held
    zone = f"times in {timezone.localtime(at):%Z}"
    titles = {
        "late": ("Late too", f"{len(by_code['late'])} to catch up, the longest late first"),
        "today": ("Later today", f"{len(by_code['today'])} to do, {zone}"),
        "tomorrow": ("Tomorrow", f"{tomorrow:%A} {tomorrow.day} {tomorrow:%B}"),
        "later": ("After that", f"{len(by_code['later'])} to do, {zone}"),
        "far": ("Planned for later", f"{len(by_code['far'])}, the next on {local(by_code['far'][0].due_at, 'date')}")
        if by_code["far"]
        else ("", ""),
        "held": ("Held by an exception", "nothing to do here until it is closed"),
    }
    groups = tuple(TaskGroup(code, *titles[code], tuple(found)) for code, found in by_code.items() if found)
    return Agenda(
        next=first, groups=groups, count=len(free) - len(by_code["far"]) if count is None else count, rest=more
    )


def _due(task: Task, at: datetime) -> tuple[str, str]:
    left = task.due_at - at
    if left < timedelta(0):
        return f"Next, {duration(left)} late", "stop"
    return f"Next, due in {duration(left)}", "due" if left <= SOON else "plan"


def _status(task: Task, at: datetime, held: str) -> StatusView:
    """What a row says at its right: held, late, soon, else where the therapy stands."""
    if held:
        return StatusView("stop", held)
    left = task.due_at - at
    if left < timedelta(0):
        return StatusView("stop", f"{duration(left)} late", "clock-exclamation")
    if left <= SOON:
        return StatusView("due", f"Due in {duration(left)}")
    return present.status_of(task.therapy)
