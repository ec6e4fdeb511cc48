"""A release test's result as the whole number that the circuit compares. Pure."""

from __future__ import annotations

from decimal import Decimal

from custody.protocols.document import Field


def result_integer(field: Field, value: str) -> int:
    """Fixed point with the field's decimals; a choice's place; 1 for yes and 0 for no."""
    if field.kind == "decimal":
        return int(Decimal(value).scaleb(field.decimals))
    if field.kind == "choice":
        return field.choices.index(value)
    return 1 if value == "yes" else 0
