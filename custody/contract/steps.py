"""The clause that every protocol step keeps, whatever its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from custody.contract.comparing import FIGURES, HeldTo, compared
from custody.contract.moment import Moment, field_element, stamp_of, step_named
from custody.contract.reckoning import reckoned_values
from custody.contract.scanning import check_scans
from custody.contract.times import findings_of_times
from custody.contract.worklist import HELD_BY_EXCEPTION, done_before, held_reason, is_ready, is_satisfied, times_done
from custody.protocols.document import Field, Protocol, Step
from custody.protocols.parts import with_unit
from custody.protocols.possible import why_impossible
from ledger.clock import stamp
from ledger.log.contract import Refused

DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?")
COMMITMENT = re.compile(r"[0-9a-f]{64}")


def admit_step(moment: Moment) -> Step:
    """Check a step's record against the protocol and mark it done. Returns the step; raises Refused."""
    step = step_named(moment.protocol, moment.text("step", longest=40))
    state, entry = moment.state, moment.entry
    if entry.type != step.record_type:
        raise Refused(f"“{step.title}” is recorded as {step.record_type}, not as {entry.type}.")
    if step.code in state["done"] and not step.repeats:
        raise Refused(f"“{step.title}” is already on record. Reload the page to see it.")
    if not is_ready(state, moment.protocol, step):
        raise Refused(_why_not_ready(moment, step))
    held = held_reason(state, step)
    if held:
        raise Refused(f"“{step.title}” waits: an exception is open ({held.replace('_', ' ')}). Close it first.")
    if step.kind in HELD_BY_EXCEPTION and state["unraised"]:
        outside = step_named(moment.protocol, state["unraised"][0]).title
        raise Refused(f"“{step.title}” waits: “{outside}” was out of limits, and no exception says so yet.")
    if state["parties"].get(step.party) != moment.author:
        raise Refused(f"“{step.title}” is for another organisation of this therapy.")
    moment.require_role(*step.roles)
    if step.needs_second:
        moment.require_second(step.second_roles)
    elif entry.second is not None:
        raise Refused(f"“{step.title}” takes one signature.")
    started_at = _times(moment, step)
    in_limits = _fields(moment, step)
    in_time = _in_time(moment, step)
    figures = _compared(moment, step)
    check_scans(moment, step)
    _leaf(moment)
    count = times_done(state, step.code)
    if not (in_limits and in_time) and step.code not in state["unraised"]:
        state["unraised"].append(step.code)
    state["done"][step.code] = {
        "at": stamp(entry.occurred_at),
        "start": started_at,
        "person": str(entry.signer.person),
        "second": str(entry.second.person) if entry.second else None,
        "ok": in_limits,
        "n": count + 1,
        "leaf": moment.body["leaf"],
    }
    if figures:
        state["done"][step.code][FIGURES] = figures
    if step.completes:
        state["status"] = "completed"
        state["ended_at"] = stamp(entry.occurred_at)
    return step


def _why_not_ready(moment: Moment, step: Step) -> str:
    for code in step.after:
        if not is_satisfied(moment.state, moment.protocol, code):
            return f"“{step.title}” cannot be done yet: first comes “{step_named(moment.protocol, code).title}”."
    return f"“{step.title}” can no longer be done: a step after it is on record."


def _times(moment: Moment, step: Step) -> str:
    started = moment.moment("started_at")
    if started > moment.entry.occurred_at:
        raise Refused("The step ends before it starts. Check the times.")
    for before in done_before(moment.state, moment.protocol, step):
        if stamp_of(moment.state["done"][before]["at"], "at") > started:
            title = step_named(moment.protocol, before).title
            raise Refused(f"“{step.title}” cannot start before “{title}” ended. Check the times.")
    return str(moment.body["started_at"])


def _in_time(moment: Moment, step: Step) -> bool:
    """Whether the step began and ended in time; what did not has to be raised like a value out of limits."""
    if not moment.protocol.judges_all:
        return True
    started, ended = moment.moment("started_at"), moment.entry.occurred_at
    return not findings_of_times(moment.state, moment.protocol, step, started=started, ended=ended)


def _fields(moment: Moment, step: Step) -> bool:
    """Every value is there, of its form, public or sealed as the protocol says. Returns whether all are in limits."""
    values, sealed = moment.members("values"), moment.members("sealed")
    for given_openly, codes in ((True, values), (False, sealed)):
        for code in codes:
            field = step.field(code)
            if field is None:
                raise Refused(f"“{step.title}” has no field “{code}”.")
            if field.sensitive is given_openly:
                where = "sealed, and must not stand in the open" if field.sensitive else "public, and is not sealed"
                raise Refused(f"“{field.title}” is {where}.")
    declared = moment.member("in_limits")
    if not isinstance(declared, bool):
        raise Refused("The record must say whether every value is in limits.")
    within = True
    reckoned = reckoned_values(moment.state, step, ended=moment.entry.occurred_at)
    for field in step.fields:
        given = sealed.get(field.code) if field.sensitive else values.get(field.code)
        if given is None:
            if field.required:
                raise Refused(f"“{field.title}” is missing.")
            continue
        if field.sensitive:
            if not isinstance(given, str) or not COMMITMENT.fullmatch(given):
                raise Refused(f"“{field.title}” is sensitive: the record holds a commitment, not the value.")
        else:
            within = public_value(field, given, moment.protocol) and within
            _follows(field, given["value"], reckoned)
            halts_nothing(field, given["value"])
    if declared and not within:
        raise Refused("A value is out of limits, but the record says that all are in limits.")
    return declared


def _compared(moment: Moment, step: Step) -> dict[str, str]:
    """The step's figures that bounds speak of; Refused where one cannot be true beside another."""
    values = {code: given["value"] for code, given in moment.members("values").items()}
    for sentence in HeldTo(moment.state, moment.protocol, step).contradictions(values).values():
        raise Refused(sentence)
    return compared(moment.protocol, step, values)


def _follows(field: Field, value: str, reckoned: Mapping[str, str]) -> None:
    """What is reckoned is what the records say, whoever entered it."""
    right = reckoned.get(field.code, value)
    if value != right:
        raise Refused(
            f"“{field.title}” follows from the records: it is {with_unit(right, field.unit)}, not "
            f"{with_unit(value, field.unit)}."
        )


def halts_nothing(field: Field, value: str) -> None:
    """A step is not done with an answer that halts the therapy: the halt is recorded in its place."""
    if field.halts and not field.allows(value):
        raise Refused(f"“{field.title}: {value}” halts the therapy. Record the halt, not the step.")


def public_value(field: Field, given: Any, protocol: Protocol) -> bool:
    """Whether a public value is in limits. Raises Refused when it is not of the field's form, or cannot be true."""
    value = given.get("value") if isinstance(given, Mapping) and set(given) <= {"value", "unit"} else None
    if not isinstance(value, str) or not 0 < len(value) <= 120 or given.get("unit", "") != field.unit:
        raise Refused(f"“{field.title}” must be a value with the unit “{field.unit}”.")
    if field.kind == "decimal":
        if not DECIMAL.fullmatch(value):
            raise Refused(f"“{field.title}” must be a decimal number such as 120.5.")
        if -Decimal(value).normalize().as_tuple().exponent > field.decimals:  # type: ignore[operator]
            raise Refused(f"“{field.title}” takes at most {field.decimals} decimals.")
        impossible = why_impossible(field, value) if protocol.judges_all else ""
        if impossible:
            raise Refused(impossible)
    if field.kind == "choice" and value not in field.choices:
        raise Refused(f"“{field.title}” must be one of: {', '.join(field.choices)}.")
    if field.kind == "check" and value not in {"yes", "no"}:
        raise Refused(f"“{field.title}” must be yes or no.")
    return field.allows(value)


def _leaf(moment: Moment) -> None:
    """The step's proof leaf: a field element of BN254 (DESIGN §8)."""
    field_element(moment.member("leaf"), "The record's proof leaf")
