"""Values that follow from the records, as a step's page shows them: nobody types them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from custody.contract.reckoning import between_of, reckoned_values
from custody.protocols.document import Leg, Protocol, Step
from custody.protocols.freshness import fresh_for
from custody.protocols.parts import with_unit
from ledger.clock import parse_stamp
from portal.presenters.figures import unbroken
from portal.presenters.therapies import StatusView
from portal.templatetags.np_times import duration


@dataclass(frozen=True, slots=True)
class ReckonedView:
    """One value with its limits, and from when to when it is counted. `end` names no step where that is this one."""

    title: str
    value: str
    limits: str
    status: StatusView
    start: str
    started_at: datetime
    end: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class FreshView:
    """Until when fresh cells have to be received, counted from their collection."""

    collected_at: datetime
    until: datetime
    allowed: str
    status: StatusView


def reckoned_views(state: Mapping[str, Any], protocol: Protocol, step: Step, at: datetime) -> list[ReckonedView]:
    """Every reckoned value of the step, as it is if the step ends now."""
    values = reckoned_values(state, step, ended=at)
    found = []
    for field in step.fields:
        between = between_of(state, step, field, ended=at)
        if field.reckoned is None or between is None:
            continue
        value = values[field.code]
        allowed = field.allows(value)
        found.append(
            ReckonedView(
                title=field.title,
                value=unbroken(with_unit(value, field.unit)),
                limits=unbroken(field.limits),
                status=StatusView("ok", "In limits") if allowed else StatusView("stop", "Out of limits"),
                start=_title(protocol, field.reckoned.start),
                started_at=between[0],
                end="" if field.reckoned.end == step.code else _title(protocol, field.reckoned.end),
                ended_at=between[1],
            )
        )
    return found


def fresh_view(state: Mapping[str, Any], protocol: Protocol, leg: Leg, at: datetime) -> FreshView | None:
    """How long the cells still keep on this leg; None where they are not fresh, or not collected yet."""
    allowed, collection = fresh_for(protocol, leg), protocol.step_of_kind("collection")
    done = state["done"].get(collection.code) if collection else None
    if allowed is None or done is None:
        return None
    collected_at = parse_stamp(done["at"])
    until = collected_at + allowed
    return FreshView(collected_at, until, _hours(allowed), _status(until - at, allowed))


def _status(left: timedelta, allowed: timedelta) -> StatusView:
    if left < timedelta(0):
        return StatusView("stop", f"{duration(-left)} over their {_hours(allowed)}")
    if left <= allowed / 10:
        return StatusView("due", f"{duration(left)} left")
    return StatusView("ok", f"{duration(left)} left")


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:g} h"


def _title(protocol: Protocol, code: str) -> str:
    step = protocol.step(code)
    return step.title if step else code
