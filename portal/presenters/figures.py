"""Figures that stay with their unit: `60 to 600 × 10⁶ cells` is never torn between a number and what it counts.

What stands on the ledger keeps its plain spaces; only what a screen shows has those that do not break.
"""

from __future__ import annotations

import re

UNITS = (
    r"%|°C|°|µ[gLm]|mL|L|kg|mg|ng|fg|g|mmol|EU|IU|copies|cells|bags|vials|beads|colonies|labels"
    r"|min|h|s|days?|d|readings|steps|segments"
)
"""What follows a number in the shipped protocols and in the sentences of the rules."""
_MULTIPLIED = re.compile(r"(?<=[0-9]) × (?=10)")
_POWER = re.compile(r"(?<=[⁰¹²³⁴⁵⁶⁷⁸⁹]) (?=[a-zA-Z])")
_UNIT = re.compile(rf"(?<=[0-9]) (?=(?:{UNITS})(?![a-zA-Z]))")


def unbroken(text: str) -> str:
    """The sentence with every space inside a figure one that does not break (U+00A0)."""
    text = _MULTIPLIED.sub("\u00a0×\u00a0", text)
    return _UNIT.sub("\u00a0", _POWER.sub("\u00a0", text))
