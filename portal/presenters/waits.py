"""How long the cells may still wait before a step, in words, before anybody signs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from custody.contract.times import wait_before
from custody.protocols.document import Protocol, Step
from portal.presenters.therapies import StatusView
from portal.templatetags.np_times import duration


@dataclass(frozen=True, slots=True)
class WaitView:
    """The clock beside the form: since when, against how long the protocol lets the cells wait.

    `status.kind` is `stop` when the wait is over, `due` in its last tenth. `left` and `ago` are in words.
    """

    title: str
    since: datetime
    ends_at: datetime
    used_minutes: int
    allowed_minutes: int
    longest: str
    left: str
    ago: str
    status: StatusView


def wait_view(state: Mapping[str, Any], protocol: Protocol, step: Step, at: datetime) -> WaitView | None:
    """The wait that is judged when this step is signed, as it stands now; None where none is."""
    wait = wait_before(state, protocol, step)
    if wait is None:
        return None
    before = protocol.step(wait.before)
    left = wait.ends_at - at
    used = max(timedelta(0), at - wait.since)
    return WaitView(
        title=before.title if before else "Last step",
        since=wait.since,
        ends_at=wait.ends_at,
        used_minutes=int(used.total_seconds() // 60),
        allowed_minutes=step.wait_max_minutes,
        longest=duration(wait.longest),
        left=duration(abs(left)),
        ago=duration(used),
        status=_status(left, wait.longest),
    )


def _status(left: timedelta, longest: timedelta) -> StatusView:
    if left < timedelta(0):
        return StatusView("stop", f"{duration(-left)} over the longest wait")
    if left <= longest / 10:
        return StatusView("due", f"Window closes in {duration(left)}")
    return StatusView("ok", f"Window open, {duration(left)} left")
