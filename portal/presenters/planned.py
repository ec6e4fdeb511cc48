"""When something is to be done, in words: one place for worklists, a therapy's page and the step's own."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from custody.therapies.queries import Task
from portal.templatetags.np_times import duration, local

SAME_DATE_DAYS = 330
"""A day that lies further off is given with its year, for “13 Mar” would be read as the next one."""


def shown_at(task: Task, at: datetime) -> datetime:
    """The moment that stands beside a task: when it begins as planned; once it is late, when it was due."""
    return task.due_at if task.due_at < at or task.booked_at is None else task.booked_at


def when(task: Task, at: datetime) -> str:
    """Under the clock: how long until today's, else which day; for what is booked also until when at the latest."""
    if not _is_booked(task) or task.due_at < at:
        return _until(task.due_at, at)
    begins = shown_at(task, at)
    return f"{'now' if begins <= at else _until(begins, at)}, by {_latest(task)}"


def reason(task: Task, at: datetime) -> str:
    """`booked for Tue 8 Dec, by 14:00 at the latest`, else the day."""
    if _is_booked(task) and at <= shown_at(task, at):
        return f"booked for {local(task.booked_at, 'weekday')}, by {_latest(task)} at the latest"
    return _day(task.due_at, at)


def _is_booked(task: Task) -> bool:
    return task.booked_at is not None and task.booked_at < task.due_at


def _latest(task: Task) -> str:
    """The clock, with the day where that is another one than it is booked for."""
    assert task.booked_at is not None
    same = timezone.localdate(task.booked_at) == timezone.localdate(task.due_at)
    clock = local(task.due_at, "clock")
    return clock if same else f"{clock} on {local(task.due_at, 'weekday')}"


def _until(due_at: datetime, at: datetime) -> str:
    apart = (timezone.localdate(due_at) - timezone.localdate(at)).days
    if apart == 0:
        return f"in {duration(due_at - at)}" if due_at > at else f"{duration(at - due_at)} late"
    if 0 < apart < 7:
        return f"{timezone.localtime(due_at):%a}"
    return local(due_at, "date" if abs(apart) > SAME_DATE_DAYS else "day")


def _day(due_at: datetime, at: datetime) -> str:
    day = timezone.localdate(due_at)
    if day == timezone.localdate(at):
        return "today" if due_at >= at else "was due today"
    return local(due_at, "weekday") if due_at >= at else f"was due {local(due_at, 'weekday')}"
