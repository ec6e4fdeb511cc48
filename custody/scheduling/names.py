"""Names of places: “Suite A”, “suite A” and “suiteA” are one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

BLANKS = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
"""Blanks but those between two figures: “bed 1 1” is not bed 11."""


def folded(name: str) -> str:
    """What two spellings of one place have in common."""
    return BLANKS.sub("", " ".join(name.split())).casefold()


def in_order(name: str) -> list[tuple[int, str]]:
    """A key by which bed 2 comes before bed 10."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def once(names: Iterable[str]) -> list[str]:
    """These names in order, each place once, as it is spelled first."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(folded(name), name)
    return list(found.values())
