"""Which units of figures can be compared, and by what factor. Pure, and exact: witnesses reckon the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

MEASURES: Mapping[str, tuple[str, Fraction]] = {
    "L": ("volume", Fraction(1000)),
    "mL": ("volume", Fraction(1)),
    "µL": ("volume", Fraction(1, 1000)),
    "kg": ("mass", Fraction(1_000_000)),
    "g": ("mass", Fraction(1000)),
    "mg": ("mass", Fraction(1)),
    "d": ("time", Fraction(86_400)),
    "h": ("time", Fraction(3600)),
    "min": ("time", Fraction(60)),
}
"""Units of one measure, each in the same small part of it."""
POWER_OF_TEN = re.compile(r"10([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2}) (.+)")
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def factor(unit: str, into: str) -> Fraction | None:
    """By what a figure in `unit` is multiplied to stand in `into`; None where the two cannot be compared.

    The same words are the same unit, litres and millilitres are one measure, and a power of ten before a unit counts:
    `10⁹ cells` are a thousand times `10⁶ cells`. Cells a kilogram are no cells, for no step holds the weight.
    """
    (measure, size), (other, whole) = _measure(unit), _measure(into)
    return size / whole if measure == other else None


def _measure(unit: str) -> tuple[str, Fraction]:
    power = POWER_OF_TEN.fullmatch(unit)
    if power is not None:
        return power[2], Fraction(10) ** int(power[1].translate(DIGITS))
    return MEASURES.get(unit, (unit, Fraction(1)))
