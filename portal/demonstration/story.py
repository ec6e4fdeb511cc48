"""What happens to a therapy of the demonstration beside the ordinary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from custody.telemetry.simulation import Kind


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to a therapy beside the ordinary.

    `stop_before`: the step at which the story rests. `readings`: leg → kind of the logger's readings (calm, excursion,
    gap, tilt, shock, brief). `outside`: steps with a value out of limits. `stop_identity`: the step at which a wrong
    bag is scanned.
    `oos_until`: how far the out-of-specification path goes. `delayed_after`: the step after which the courier who
    holds the cells reports a delay. `resolve`: whether exceptions are closed by who may.
    """

    name: str
    stop_before: str = ""
    declined: bool = False
    cancel: str = ""
    fail: str = ""
    readings: Mapping[str, Kind] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()
    stop_identity: str = ""
    oos_until: str = ""
    resolve: bool = True
    refuse_handoff: str = ""
    delayed_after: str = ""

    @property
    def waits(self) -> bool:
        """Whether the story means to wait for somebody, at a step or with an open exception, before the present."""
        return bool(self.stop_before) or not self.resolve or self.oos_until not in ("", "informed")
