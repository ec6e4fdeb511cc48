"""Values that nobody enters: a time between two steps, as the records say it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from custody.protocols.document import Field, Step
from custody.protocols.fields import SECONDS
from ledger.clock import parse_stamp, stamp


def reckoned_values(state: Mapping[str, Any], step: Step, *, ended: datetime) -> dict[str, str]:
    """The step's reckoned values by field code, in their canonical form; `ended` is when the step ends.

    Rounded up, so that nothing looks fresher than it is: what is a minute over a limit is over it.
    """
    values = {}
    for field in step.fields:
        between = between_of(state, step, field, ended=ended)
        if between is not None:
            values[field.code] = _value(field, *between)
    return values


def between_of(
    state: Mapping[str, Any], step: Step, field: Field, *, ended: datetime
) -> tuple[datetime, datetime] | None:
    """From when to when a field is reckoned; None where it is not, or where a step before is not on record yet."""
    if field.reckoned is None:
        return None
    done = state.get("done", {})
    start = done.get(field.reckoned.start)
    end = {"at": stamp(ended)} if field.reckoned.end == step.code else done.get(field.reckoned.end)
    return (parse_stamp(start["at"]), parse_stamp(end["at"])) if start and end else None


def _value(field: Field, start: datetime, end: datetime) -> str:
    seconds = Decimal(int(end.timestamp()) - int(start.timestamp()))
    grain = Decimal(1).scaleb(-field.decimals)
    value = (seconds / SECONDS[field.unit]).quantize(grain, rounding=ROUND_CEILING)
    plain = format(value.normalize(), "f")
    return "0" if plain in {"-0", "0"} else plain
