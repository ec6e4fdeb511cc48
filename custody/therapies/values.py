"""What a person entered for a step, checked against the protocol's fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from custody.contract.comparing import HeldTo
from custody.protocols.document import Field, Step
from custody.protocols.parts import with_unit
from custody.protocols.possible import why_impossible
from ledger.errors import BadInput

PLAIN_NUMBER = re.compile(r"[-−]?[0-9]{1,12}([.,][0-9]{1,6})?")
MAX_TEXT = 1000


class ValuesRefused(BadInput):
    """One or more values are missing or not of the right form; `errors` says which and what would be right."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        first_field, first = next(iter(errors.items()))
        count = len(errors)
        message = first if count == 1 else f"{count} fields need you. First: {first}"
        super().__init__(message, field=first_field)
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class CheckedValues:
    """Values in their canonical form, and those that are out of limits with the sentence that says so."""

    values: Mapping[str, str]
    out_of_limits: Mapping[str, str]


def check(
    step: Step,
    given: Mapping[str, str],
    reckoned: Mapping[str, str] | None = None,
    held_to: HeldTo | None = None,
    standing: Mapping[str, str] | None = None,
) -> CheckedValues:
    """Check every field of a step. Raises ValuesRefused naming each field that is wrong.

    `reckoned` holds the values that follow from the records: nobody has to enter those, and nobody enters others.
    `held_to` is what the step's figures are held to; where the step is on record, those that are `standing` are not
    judged again.
    """
    follows = reckoned or {}
    errors: dict[str, str] = {}
    values: dict[str, str] = {}
    outside: dict[str, str] = {}
    for field in step.fields:
        raw = (given.get(field.code) or "").strip() or follows.get(field.code, "")
        if not raw:
            if field.required:
                errors[field.code] = f"{field.title}: enter {_wanted(field)}."
            continue
        try:
            value = _canonical(field, raw)
        except ValueError as problem:
            errors[field.code] = f"{field.title}: {problem}"
            continue
        refusal = _contradiction(field, value, follows) or why_impossible(field, value)
        if refusal:
            errors[field.code] = refusal
            continue
        values[field.code] = value
        if not field.allows(value):
            outside[field.code] = finding(field, value)
    if held_to is not None:
        changed = None if standing is None else {c: v for c, v in values.items() if standing.get(c) != v}
        errors |= held_to.contradictions(values, changed=changed)
    for code in given:
        if step.field(code) is None:
            errors[code] = f"“{step.title}” has no field “{code}”."
    if errors:
        raise ValuesRefused(errors)
    return CheckedValues(values=values, out_of_limits=outside)


def _contradiction(field: Field, value: str, follows: Mapping[str, str]) -> str:
    """Why an entered value is refused that does not say what the records say; empty where it does."""
    right = follows.get(field.code, value)
    if value == right:
        return ""
    return (
        f"{field.title} follows from the records: it is {with_unit(right, field.unit)}, not "
        f"{with_unit(value, field.unit)}. Leave it to the ledger; if a time on record is wrong, open an exception."
    )


def finding(field: Field, value: str) -> str:
    """Why a value is out of limits; a sensitive value is not quoted, since findings stand on the ledger."""
    if field.sensitive:
        return f"{field.title} out of limits, {field.limits}"
    return f"{field.title} {with_unit(value, field.unit)}, {field.limits}"


def impossible(field: Field, raw: str) -> str:
    """What would be possible, where an entry has the right form and cannot be true; empty otherwise."""
    try:
        return why_impossible(field, _canonical(field, raw.strip()))
    except ValueError:
        return ""


def _wanted(field: Field) -> str:
    if field.kind == "decimal":
        return f"a number in {field.unit}" if field.unit else "a number"
    if field.kind == "choice":
        return "one of " + ", ".join(field.choices)
    return {"check": "yes or no", "code": "the code, by scan or typing", "text": "a few words"}[field.kind]


def _canonical(field: Field, raw: str) -> str:
    if field.kind == "decimal":
        return _decimal(field, raw)
    if field.kind == "choice":
        match = next((choice for choice in field.choices if choice.casefold() == raw.casefold()), None)
        if match is None:
            raise ValueError(f"choose {_wanted(field)}.")
        return match
    if field.kind == "check":
        if raw.casefold() not in {"yes", "no", "on", "true"}:
            raise ValueError("answer yes or no.")
        return "no" if raw.casefold() == "no" else "yes"
    if field.kind == "code":
        if len(raw) > 80 or not raw.isprintable():
            raise ValueError("a code has at most 80 printable characters.")
        return raw
    if len(raw) > MAX_TEXT:
        raise ValueError(f"use at most {MAX_TEXT} characters; there are {len(raw)}.")
    return raw


def _decimal(field: Field, raw: str) -> str:
    text = raw.replace(" ", "")
    if not PLAIN_NUMBER.fullmatch(text):
        raise ValueError(
            f"enter a plain number such as 120.5{' ' + field.unit if field.unit else ''}, not “{raw[:40]}”."
        )
    try:
        number = Decimal(text.replace(",", ".").replace("−", "-"))
    except InvalidOperation:
        raise ValueError("enter a plain number such as 120.5.") from None
    if max(0, -int(number.normalize().as_tuple().exponent)) > field.decimals:
        places = "whole numbers only" if field.decimals == 0 else f"at most {field.decimals} decimals"
        raise ValueError(f"give {places}.")
    plain = format(number.normalize(), "f")
    return "0" if plain in {"-0", "0"} else plain
