"""One step's figure held to another's: what a protocol may ask, and whether two figures agree with it. Pure.

No more bags are infused than were received, and no more CD3+ cells collected than cells (EU GMP Annex 11 §6). Two
figures that cannot both be true are no deviation: one of them was typed or read wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from custody.protocols.parts import Bound, Field, Protocol, ProtocolInvalid, Step, with_unit
from custody.protocols.units import factor

BOUNDS = ("at_most", "at_least", "same_as")
"""How a field may be held to another one, as the document says it."""


MEASURE = frozenset({"centre", "maker"})
"""Who sees what others measured (DESIGN §5)."""


def check_bounds(protocol: Protocol, before: Mapping[str, frozenset[str]]) -> None:
    """Raise ProtocolInvalid, which names the field and what would be right. `before`: each step's ancestors."""
    for step in protocol.steps:
        for field in step.fields:
            for bound in field.bounds:
                _check(step, field, bound, protocol, before)


def _check(step: Step, field: Field, bound: Bound, protocol: Protocol, before: Mapping[str, frozenset[str]]) -> None:
    where = f"Step “{step.code}”, field “{field.code}”"
    other_step = protocol.step(bound.step)
    other = other_step.field(bound.field) if other_step else None
    named = f"“{bound.field}” of “{bound.step}”"
    if other_step is None or other is None:
        raise ProtocolInvalid(f"{where}: “{bound.kind}” names {named}, which the protocol does not have.")
    if other_step.code != step.code and other_step.code not in before[step.code]:
        raise ProtocolInvalid(f"{where}: “{bound.kind}” names {named}, which need not be done before it.")
    if other is field:
        raise ProtocolInvalid(f"{where}: a figure is not held to itself.")
    if field.kind != "decimal" or other.kind != "decimal" or field.reckoned is not None:
        raise ProtocolInvalid(f"{where}: “{bound.kind}” holds a decimal that somebody enters to another decimal.")
    if factor(other.unit, field.unit) is None:
        raise ProtocolInvalid(f"{where}: “{field.unit}” cannot be compared with {named} in “{other.unit}”.")
    if field.sensitive or other.sensitive:
        raise ProtocolInvalid(f"{where}: figures that are compared stand in the open, both of them.")
    if step.party not in MEASURE and step.party != other_step.party:
        raise ProtocolInvalid(f"{where}: payers and couriers are not told what others measured, nor held to it.")
    if other_step.optional or other_step.repeats or not other.required:
        raise ProtocolInvalid(f"{where}: {named} may be left out, or changes: name a figure that is always there.")


def agrees(bound: Bound, field: Field, value: str, other: Field, stands: str) -> bool:
    """Whether `value` of the bounded field fits the figure of the other field that stands.

    Both are rounded to the coarser of their grains, for a figure says no more than its decimals: 2,035 × 10⁶ cells are
    no more than 2.0 × 10⁹ cells.
    """
    low, high, grain = _reach(bound, field, other, stands)
    entered = round(Fraction(value) / grain)
    return (bound.kind == "at_most" or entered >= low) and (bound.kind == "at_least" or entered <= high)


def reach(bound: Bound, field: Field, other: Field, stands: str) -> tuple[Decimal | None, Decimal | None]:
    """The lowest and the highest figure that agree, with the field's decimals at most; None where there is no bound."""
    low, high, grain = _reach(bound, field, other, stands)
    lowest = (grain * low - grain / 2) if grain > _grain(field) else grain * low
    highest = (grain * high + grain / 2) if grain > _grain(field) else grain * high
    return (
        None if bound.kind == "at_most" else _decimal(lowest),
        None if bound.kind == "at_least" else _decimal(highest),
    )


def _reach(bound: Bound, field: Field, other: Field, stands: str) -> tuple[int, int, Fraction]:
    """From where to where a figure agrees, counted in the coarser grain of the two, and that grain."""
    rate = factor(other.unit, field.unit)
    assert rate is not None, "the document was checked"
    grain = max(_grain(field), _grain(other) * rate)
    theirs = Fraction(stands) * rate
    margin = abs(theirs) * bound.margin_percent / 100
    return round((theirs - margin) / grain), round((theirs + margin) / grain), grain


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def relation(bound: Bound, named: str) -> str:
    """What the bound asks, in words: `cannot be more than “Bags received”`."""
    margin = f"{bound.margin_percent} %"
    if bound.kind == "at_most":
        return f"cannot be more than {margin} above {named}" if bound.margin_percent else f"cannot be more than {named}"
    if bound.kind == "at_least":
        return f"cannot be more than {margin} below {named}" if bound.margin_percent else f"cannot be less than {named}"
    return f"cannot be more than {margin} from {named}" if bound.margin_percent else f"has to be the same as {named}"


def figure(value: str, field: Field) -> str:
    """A figure with its unit as sentences name it: `2 bags`, `1 bag`, `12 × 10⁹ cells`."""
    unit = field.unit.removesuffix("s") if value == "1" and field.unit in COUNTED else field.unit
    return with_unit(value.replace("-", "−"), unit)


COUNTED = frozenset({"bags", "vials", "labels", "beads"})
"""Units that are counted one by one, and named as one where there is one."""


def _grain(field: Field) -> Fraction:
    return Fraction(1, 10**field.decimals)
