"""How a telephone number is written: with the country's code, as ITU-T E.164 has it. Pure."""

from __future__ import annotations

import re

from ledger.errors import BadInput

LEAST_DIGITS = 7
MOST_DIGITS = 15
"""E.164, 6.1: fifteen digits at most, with the country's code."""
MOST_CHARACTERS = 24
_SHAPE = re.compile(r"\+[1-9]( ?[0-9])*")


class BadNumber(BadInput):
    """It is no telephone number that can be called from everywhere."""


def read_number(text: str) -> str:
    """The number with single spaces, as it is shown. Raises BadNumber."""
    number = " ".join(text.split())
    if number.startswith("00"):
        raise BadNumber(f"Write + in place of the first 00: +{number[2:].strip()[:20]}.", field="number")
    if number.startswith("0"):
        raise BadNumber("Write the country’s code first, such as +31 in place of the first 0.", field="number")
    if not _SHAPE.fullmatch(number):
        raise BadNumber(
            "Write + and digits, with spaces between them where you like: +44 20 7946 0123.", field="number"
        )
    digits = sum(character.isdigit() for character in number)
    if not LEAST_DIGITS <= digits <= MOST_DIGITS:
        raise BadNumber(
            f"A number has {LEAST_DIGITS} to {MOST_DIGITS} digits with its country’s code; this has {digits}.",
            field="number",
        )
    if len(number) > MOST_CHARACTERS:
        raise BadNumber("Leave out some of the spaces: it is longer than a line.", field="number")
    return number


def uri_of(number: str) -> str:
    """What a telephone calls (RFC 3966)."""
    return "tel:" + number.replace(" ", "")
