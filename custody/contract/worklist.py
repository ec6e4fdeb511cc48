"""Which steps may be done now, and by when: a pure function of a therapy's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from custody.contract.closing import HALT
from custody.contract.holds import WORKLIST_REASON, hold_of
from custody.protocols.document import Protocol, Step
from ledger.clock import parse_stamp
from ledger.log.contract import State

HELD_BY_EXCEPTION = frozenset({"acceptance", "release", "gate", "bedside", "infusion"})
"""Step kinds that wait while an exception that blocks is open."""
HALTING = ("identity_stop", HALT)
"""Kinds of exception that halt every step and hand-over."""


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """A step that may be done now. `since` is when it became possible; `held` names why it must wait all the same."""

    step: Step
    party: str
    since: datetime
    due_at: datetime
    held: str


def is_done(state: State, code: str) -> bool:
    return code in state["done"]


def is_satisfied(state: State, protocol: Protocol, code: str) -> bool:
    """A step stands in nobody's way when it is done, or when it is optional and could have been done."""
    if is_done(state, code):
        return True
    step = protocol.step(code)
    return step is not None and step.optional and all(is_satisfied(state, protocol, before) for before in step.after)


def is_ready(state: State, protocol: Protocol, step: Step) -> bool:
    """Whether the protocol's order allows this step now; an optional one only until something after it is done."""
    if is_done(state, step.code) and not step.repeats:
        return False
    if not all(is_satisfied(state, protocol, before) for before in step.after):
        return False
    return not (step.optional and _is_overtaken(state, protocol, step))


def _is_overtaken(state: State, protocol: Protocol, step: Step) -> bool:
    """Whether any step that stands somewhere after this one is done."""
    following = {step.code}
    for later in protocol.steps:
        if not following.isdisjoint(later.after):
            if is_done(state, later.code):
                return True
            following.add(later.code)
    return False


def times_done(state: Mapping[str, Any], code: str) -> int:
    """How often a step was recorded; a hand-over that was refused and offered again counts twice."""
    done = state.get("done", {}).get(code)
    return int(done["n"] if done else state.get("undone", {}).get(code, 0))


def done_before(state: State, protocol: Protocol, step: Step) -> list[str]:
    """The steps that this one follows directly, as it was done: an optional one left out gives those before it."""
    found: list[str] = []
    for code in step.after:
        before = protocol.step(code)
        if is_done(state, code):
            found.append(code)
        elif before is not None:
            found.extend(done_before(state, protocol, before))
    return found


def held_reason(state: State, step: Step) -> str:
    """Why a fork of the ledger or an open exception holds this step, or an empty string."""
    if hold_of(state) is not None:
        return WORKLIST_REASON
    open_exceptions = state["exceptions"].values()
    kinds = {str(exception["kind"]) for exception in open_exceptions}
    for kind in HALTING:
        if kind in kinds:
            return kind
    if step.kind in HELD_BY_EXCEPTION:
        for exception in open_exceptions:
            if exception["blocking"]:
                return str(exception["kind"])
    return ""


def ready_steps(state: State, protocol: Protocol) -> list[ReadyStep]:
    """Every step that may be done now, in the protocol's order; none once the therapy has ended."""
    if state["status"] not in {"active", "completed"}:
        return []
    ready = []
    for step in protocol.steps:
        if not is_ready(state, protocol, step):
            continue
        if state["status"] == "completed" and step.kind != "outcome":
            continue
        if step.repeats and is_done(state, step.code):
            continue
        party = state["parties"].get(step.party)
        if party is None:
            continue
        since = since_of(state, protocol, step)
        ready.append(
            ReadyStep(
                step=step,
                party=party,
                since=since,
                due_at=due_of(state, step, since),
                held=held_reason(state, step),
            )
        )
    return ready


def since_of(state: State, protocol: Protocol, step: Step) -> datetime:
    """When the last step before this one was done."""
    times = [parse_stamp(state["done"][code]["at"]) for code in done_before(state, protocol, step)]
    return max(times, default=parse_stamp(state["ordered_at"]))


def due_of(state: State, step: Step, since: datetime) -> datetime:
    """When the step is due: by its slot where one is booked, else so long after the step before it."""
    slot = state["slots"].get(step.due.slot) if step.due.slot else None
    start = parse_stamp(slot[step.due.edge]) if slot else since
    return start + timedelta(minutes=step.due.offset_minutes)


def planned_start(*, slot_start: datetime, due_at: datetime, longest_minutes: int) -> datetime:
    """When a step that is booked for a slot begins as planned: as late as it may take until it is due, in its slot.

    An infusion on the fifth day of a bed is booked for that day, and not for the first.
    """
    return min(due_at, max(slot_start, due_at - timedelta(minutes=longest_minutes)))


def planned_of(state: Mapping[str, Any], step: Step, due_at: datetime) -> datetime | None:
    """`planned_start` of a step, which is due then; None where no slot is booked for it."""
    slot = state["slots"].get(step.due.slot) if step.due.slot else None
    if slot is None:
        return None
    start = parse_stamp(slot["start"])
    return planned_start(slot_start=start, due_at=due_at, longest_minutes=step.duration_max_minutes)
