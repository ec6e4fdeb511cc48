"""What people of the demonstration enter: values in limits, or one that is not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from random import Random
from typing import Any

from custody.contract.comparing import HeldTo
from custody.contract.items import Item, Label
from custody.contract.scanning import IDENTITIES, counts_bags, scan_names
from custody.protocols.document import Field, Protocol, Step


def first_limited(step: Step) -> Field | None:
    """The first field that somebody enters with limits or an expected value, and that halts nothing."""
    limited = (f for f in step.fields if f.low is not None or f.high is not None or f.expected)
    return next((f for f in limited if not f.halts and f.reckoned is None), None)


def values(step: Step, *, held_to: HeldTo, outside: Field | None, random: Random) -> dict[str, str]:
    """A value for each field that somebody has to enter, in limits but for `outside`; none contradicts another."""
    asked = [field for field in step.fields if field.required and field.reckoned is None]
    found = {field.code: value(field, outside=field == outside, random=random) for field in asked}
    for field in asked:
        for held in held_to.held(field, found) if field.code in found else ():
            low, high = held.reach
            if held.stands and not _lies(Decimal(found[field.code]), low, high):
                found[field.code] = _agreeing(field, low, high)
    return found


def _lies(number: Decimal, low: Decimal | None, high: Decimal | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _agreeing(field: Field, low: Decimal | None, high: Decimal | None) -> str:
    """What is counted one by one is what it was; a measurement is well below what it cannot exceed."""
    grain = Decimal(1).scaleb(-field.decimals)
    bound = high if high is not None else low
    assert bound is not None, "a bound has an end"
    below = bound if field.decimals == 0 and not field.unit.startswith("10") else bound * Decimal("0.6")
    least = max(one for one in (low, field.low, Decimal(0)) if one is not None)
    return format(min(max(below, least), bound).quantize(grain, ROUND_FLOOR), "f")


def value(field: Field, *, outside: bool, random: Random) -> str:
    """A value for this field, in limits or just outside."""
    if field.kind == "decimal":
        return _decimal(field, outside, random)
    if field.kind == "choice":
        others = [choice for choice in field.choices if choice != field.expected]
        if outside and others:
            return others[0]
        return field.expected or field.choices[0]
    if field.kind == "check":
        return "no" if outside else (field.expected or "yes")
    if field.kind == "code":
        return field.expected or f"{field.code[:2].upper()}-{random.randint(1000, 9999)}"
    return "As planned."


def _decimal(field: Field, outside: bool, random: Random) -> str:
    low = field.low if field.low is not None else Decimal(0)
    high = field.high if field.high is not None else low + 100
    grain = Decimal(1).scaleb(-field.decimals)
    if outside:
        value = low * Decimal("0.9") - grain if low > 0 else high + max(grain, (high - low) / 10)
    else:
        value = low + (high - low) * Decimal(random.randint(350, 700)) / 1000
    return format(value.quantize(grain), "f")


FIRST_LABELS = (Item("wristband", 1), Item("order", 1), Item("label", 1), Item("label", 2))
"""Which labels a centre prints before a collection."""


def scans(step: Step, protocol: Protocol, state: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """What is scanned for a step: the first of each kind of item, and as many product bags as are infused."""
    special = {"seal": state["custody"]["seal"], "shipper": state["custody"]["container"]}
    found = {}
    for kind in step.scans:
        if kind not in IDENTITIES:
            found[kind] = special.get(kind) or state["coi"]
        elif not protocol.names_items:
            found[kind] = state["coi"]
        else:
            counted = counts_bags(step) if kind == "bag" else None
            count = int(values[counted.code]) if counted else 1
            for number, name in enumerate(scan_names(kind, count), start=1):
                found[name] = Label(state["coi"], Item(kind, number)).code
    return found


WHY_CLOSED = {
    "identity_stop": "What was scanned was left over from the patient before, and is put away. Two people read the "
    "identifiers aloud, and they agree.",
    "excursion": "The lid was open while nitrogen was topped up. The time outside the band is within what the "
    "stability data allow.",
    "custody_gap": "The logger lost its signal on the motorway. Its own file was read afterwards, and every reading is "
    "in limits.",
    "transport_problem": "The road was closed and the van went round. Seal unbroken, holding time kept.",
}


def why_closed(kind: str) -> str:
    """What somebody writes who closes an exception of this kind."""
    return WHY_CLOSED.get(
        kind,
        "Judged against the batches before it: no effect on the cells. The device was checked, and the team was told.",
    )
