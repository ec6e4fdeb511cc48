"""How long a step took, and how long the cells waited before it: judged at signing as the proof judges it. Pure.

The wait is the one that the step's compliance proof speaks of (`custody.compliance.specification`): from the end of
the last step just before it in its segment to its own start, in whole seconds. A step in no segment, or the first one
of its segment, waits for nothing. There is no shortest wait: a step that begins before the one before it ended is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from custody.protocols.document import Protocol, Segment, Step
from custody.protocols.safety import ancestors, just_before
from ledger.clock import parse_stamp, span

MINUTE = 60
REMEMBERED = 64
_ways: dict[str, Mapping[str, tuple[Mapping[str, tuple[str, ...]], ...]]] = {}


@dataclass(frozen=True, slots=True)
class Wait:
    """A step may begin until `ends_at`: so long after the step `before` (by code), which ended `since`."""

    before: str
    since: datetime
    longest: timedelta

    @property
    def ends_at(self) -> datetime:
        return self.since + self.longest


def wait_before(state: Mapping[str, Any], protocol: Protocol, step: Step) -> Wait | None:
    """The wait that is judged before this step, the longest where it stands in several segments; None without one."""
    found = []
    for way in _of(protocol).get(step.code, ()):
        ends = [(state["done"][code]["at"], code) for code in _done(state, way, step.code)]
        if ends:
            at, code = max(ends)
            found.append(Wait(code, parse_stamp(at), timedelta(minutes=step.wait_max_minutes)))
    return min(found, key=lambda wait: wait.since, default=None)


def findings_of_times(
    state: Mapping[str, Any], protocol: Protocol, step: Step, *, started: datetime, ended: datetime
) -> list[str]:
    """What of a step's times is out of its limits, in sentences that name the limit and what was measured."""
    found = []
    lasted = _seconds(started, ended)
    if lasted > step.duration_max_minutes * MINUTE:
        found.append(f"{step.title} took {span(lasted)}, {span(step.duration_max_minutes * MINUTE)} allowed")
    wait = wait_before(state, protocol, step)
    if wait is not None:
        waited, longest = _seconds(wait.since, started), step.wait_max_minutes * MINUTE
        if waited > longest:
            before = protocol.step(wait.before)
            title = before.title if before else wait.before
            found.append(f"{step.title} began {span(waited)} after “{title}” ended, {span(longest)} allowed")
    return found


def _seconds(start: datetime, end: datetime) -> int:
    """As a proof counts: from whole second to whole second."""
    return int(end.timestamp()) - int(start.timestamp())


def _done(state: Mapping[str, Any], way: Mapping[str, tuple[str, ...]], code: str) -> list[str]:
    """The steps just before one, as they were done: what was left out gives those before it."""
    found: list[str] = []
    for before in way.get(code, ()):
        found.extend([before] if before in state["done"] else _done(state, way, before))
    return found


def _of(protocol: Protocol) -> Mapping[str, tuple[Mapping[str, tuple[str, ...]], ...]]:
    """By step, the ways on which it is judged: one a segment that covers it. Remembered by the protocol's digest."""
    found = _ways.get(protocol.digest)
    if found is None:
        before = ancestors(protocol)
        ways = [(segment, _way(protocol, segment, before)) for segment in protocol.segments]
        found = {
            step.code: tuple(way for segment, way in ways if step.code in segment.steps) for step in protocol.steps
        }
        while len(_ways) >= REMEMBERED:
            _ways.pop(next(iter(_ways)), None)
        _ways[protocol.digest] = found
    return found


def _way(protocol: Protocol, segment: Segment, before: Mapping[str, frozenset[str]]) -> Mapping[str, tuple[str, ...]]:
    """Which steps of a segment stand just before each; a release test stands before none."""
    codes = [*segment.since, *segment.steps]
    steps = [code for code in codes if (step := protocol.step(code)) and step.kind != "test"]
    return {code: tuple(just_before(code, steps, before)) for code in codes}
