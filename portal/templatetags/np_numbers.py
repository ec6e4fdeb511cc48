"""Numbers with a true minus, thousands in groups and their unit."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import template

from custody.therapies.queries import MANY
from portal.presenters.figures import unbroken

MINUS = "\u2212"
NUMBER_WORDS = (
    "no one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - reads as the row it is
)

register = template.Library()


def _grouped(value: Decimal, places: int | None = None) -> str:
    text = f"{value:,.{places}f}" if places is not None else f"{value:,f}"
    if text.lstrip("-").strip("0.,") == "":
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def _decimal(value: Any) -> Decimal | None:
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


@register.filter
def grouped(value: Any) -> str:
    """`1,284`; a true minus sign."""
    number = _decimal(value)
    return "" if number is None else _grouped(number)


@register.filter
def places(value: Any, count: int = 1) -> str:
    """A decimal with a fixed number of places: `93.4`."""
    number = _decimal(value)
    return "" if number is None else _grouped(number, int(count))


@register.filter
def measure(value: Any, unit: str = "") -> str:
    """A value with its unit after a space, `34 min`; nothing for no value."""
    number = _decimal(value)
    shown = str(value) if number is None else _grouped(number)
    if value is None or value == "":
        return ""
    return f"{shown}\u00a0{unit}" if unit else shown


@register.filter(name="unbroken")
def unbroken_figures(value: Any) -> str:
    """A sentence whose figures stay with their units: `60 to 600 × 10⁶ cells`."""
    return unbroken(str(value))


@register.filter
def celsius(centi: Any, digits: int = 1) -> str:
    """Centi-degrees Celsius (an integer) as `−178.6 °C`."""
    number = _decimal(centi)
    return "" if number is None else f"{_grouped(number / 100, int(digits))}\u00a0°C"


@register.filter
def celsius_figure(centi: Any) -> str:
    """Centi-degrees Celsius as a bare figure, `−178.6`, where the unit stands beside it."""
    number = _decimal(centi)
    return "" if number is None else _grouped(number / 100, 1)


@register.filter
def unlocalised(value: Any) -> str:
    """A number as HTML attributes want it: no grouping, a point, an ASCII minus."""
    number = _decimal(value)
    return "" if number is None else f"{number:f}"


@register.filter
def percent(value: Any, total: Any) -> int:
    """A whole per cent from 0 to 100, for the classes np-l-N, np-w-N, np-f-N, np-t-N."""
    part, whole = _decimal(value), _decimal(total)
    if part is None or not whole:
        return 0
    return max(0, min(100, round(part * 100 / whole)))


@register.filter
def counted(value: Any) -> str:
    """A count that stops at MANY, as a badge shows it: `7`, or `99+` for that many and more."""
    number = _decimal(value)
    return f"{MANY - 1}+" if number is not None and number >= MANY else grouped(value)


@register.filter
def spelled_count(value: Any) -> str:
    """A count that stops at MANY, in a sentence: `seven`, `42`, `more than 99`."""
    number = _decimal(value)
    return f"more than {MANY - 1}" if number is not None and number >= MANY else spelled(value)


@register.filter
def spelled(value: Any) -> str:
    """Numbers to twelve as words, larger ones in figures: `four`, `1,284`."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return ""
    return NUMBER_WORDS[number] if 0 <= number <= 12 else grouped(number)
