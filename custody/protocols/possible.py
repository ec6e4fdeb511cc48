"""Which figures a field can hold at all: the protocol's own range, else what its unit allows. Pure.

Beyond it nothing was measured: a key was missed, or a decimal point. Such a figure is refused and not recorded, while
one that is possible and out of limits is recorded and judged (EU GMP Annex 11 §6; 21 CFR 11.10(f)).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from custody.protocols.parts import Field, with_unit

NOTHING = Decimal(0)
Range = tuple[Decimal | None, Decimal | None]
BY_UNIT: Mapping[str, tuple[Decimal, Decimal]] = {
    "%": (NOTHING, Decimal(100)),
    "°C": (Decimal("-273.15"), Decimal(200)),
}
"""Bounds of units that have two: a share, and from absolute zero to warmer than anything that is done with cells."""


def possible(field: Field) -> Range:
    """The lowest and the highest figure that can be true, both inclusive; None where there is no bound.

    By unit: a share lies between 0 and 100 per cent, a temperature between absolute zero and 200 °C, and what has
    another unit (a volume, a mass, a time, a count) is not negative. A limit beyond that goes before it.
    """
    if field.kind != "decimal":
        return None, None
    if field.plausible is not None:
        return field.plausible
    if not field.unit:
        return None, None
    low, high = BY_UNIT.get(field.unit, (NOTHING, None))
    limits = [limit for limit in (field.low, field.high) if limit is not None]
    return min([low, *limits]), None if high is None else max([high, *limits])


def why_impossible(field: Field, value: str) -> str:
    """What would be possible, where a decimal of the right form is not; empty where it is."""
    low, high = possible(field)
    number = Decimal(value) if field.kind == "decimal" else NOTHING
    if (low is None or number >= low) and (high is None or number <= high):
        return ""
    shown = value.replace("-", "−")
    return f"{field.title} is {_bounds(low, high, field.unit)}; {shown} is not possible. Check the figure."


def _bounds(low: Decimal | None, high: Decimal | None, unit: str) -> str:
    if low is not None and high is not None:
        return "from " + with_unit(f"{_plain(low)} to {_plain(high)}", unit)
    if low is not None:
        return "not below " + with_unit(_plain(low), unit)
    assert high is not None, "a figure that is not possible is beyond a bound"
    return "not above " + with_unit(_plain(high), unit)


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f").replace("-", "−")
