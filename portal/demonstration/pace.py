"""When the steps of a story are done: in time, and where it rests, shortly before the present, so that one can go on.

A step that waits for somebody in the demonstration should still be in time when it is signed: whoever tries it wants to
see the step, and no exception because the story has lain there for days.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from custody.contract import ReadyStep
from custody.protocols.document import Protocol, Step
from custody.therapies.off_plan import EARLY

STEP_MINUTES = 12
RESTED = 0.4
"""How much of the longest wait before the step at rest is used up where the story can choose."""
TOO_LONG = 0.8
LATER_THAN_BOOKED = timedelta(hours=12)
BY_THE_CLOCK = frozenset({"order", "payer_approval", "booking", "collection"})
"""Kinds of step that are done when they are due: a collection on another day than booked is an exception. What comes
before one is not put off either, or it would end after the booked time."""


def when(
    ready: ReadyStep, *, protocol: Protocol, rests_at: str, until: datetime, planned: datetime | None = None
) -> datetime:
    """When the step ends: a little before it is due, but never before what it comes after could end, nor its day."""
    step = ready.step
    soonest = ready.since + timedelta(minutes=min(step.duration_max_minutes * 0.5, STEP_MINUTES))
    latest = ready.since + timedelta(minutes=step.wait_max_minutes * 0.8)
    at = max(soonest, min(ready.due_at - timedelta(minutes=7), latest))
    if step.kind in EARLY and planned is not None:
        at = max(at, min(planned + timedelta(minutes=STEP_MINUTES), ready.since + _wait(step)))
    rest = protocol.step(rests_at)
    if rest is None or step.code not in rest.after or not BY_THE_CLOCK.isdisjoint({step.kind, rest.kind}):
        return at
    wished = until - _wait(rest) * RESTED
    return max(at, min(wished, ready.since + _wait(step) * 0.95, ready.due_at + LATER_THAN_BOOKED))


def rested_too_long(ready: ReadyStep, *, until: datetime) -> timedelta:
    """By how much a step at rest has used up more of its longest wait than leaves time to do it; zero if it has not."""
    return max(timedelta(0), until - ready.since - _wait(ready.step) * TOO_LONG)


def _wait(step: Step) -> timedelta:
    return timedelta(minutes=step.wait_max_minutes)
