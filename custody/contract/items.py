"""The code of a label: whose it is and which item it is on. Pure.

First the chain-of-identity id (ISBT 128 structure 040 with its check character), then the item: a letter for its kind,
two digits for its number, and a check character over all before it (ISO 7064 mod 37,2). Labels of before end with the
id: they say whose they are and not what they are on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LETTERS: Mapping[str, str] = {"wristband": "W", "order": "R", "label": "M", "bag": "P", "cassette": "C"}
"""The kinds of items, as protocols name what is scanned, and their letters: none that reads like a digit."""
KINDS: Mapping[str, str] = {letter: kind for kind, letter in LETTERS.items()}
NAMES: Mapping[str, str] = {
    "wristband": "wristband",
    "order": "order",
    "label": "label of the cells",
    "bag": "product bag",
    "cassette": "cassette",
}
"""What each kind is called in a sentence."""
MOST = 20
"""The highest number of an item of one kind."""
ID = re.compile(r"([A-Z0-9]{5})([0-9]{2})([A-Z0-9]{6})([A-Z0-9*])")
"""Chain of Identity Identifier: issuing facility, year, serial (ISBT 128 structure 040), and its check character."""
ITEM = re.compile(r"([WRMPC])([0-9]{2})")
_ID_LENGTH = 14
_LENGTH = 18


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One thing that carries a label: its kind, as protocols name what is scanned, and its number from 1."""

    kind: str
    number: int

    @property
    def code(self) -> str:
        return f"{LETTERS[self.kind]}{self.number:02d}"

    @property
    def words(self) -> str:
        """`product bag 2`, and `wristband` where a therapy has one."""
        if self.kind in ONE_OF_A_KIND:
            return NAMES[self.kind]
        return f"label {self.number} of the cells" if self.kind == "label" else f"{NAMES[self.kind]} {self.number}"

    @property
    def named(self) -> str:
        """The same as it stands in a sentence: `product bag 2`, `the wristband`."""
        return f"the {self.words}" if self.kind in ONE_OF_A_KIND else self.words


ONE_OF_A_KIND = frozenset({"wristband", "order"})


@dataclass(frozen=True, slots=True)
class Label:
    """What a label's code says. `item` is None on a label from before they were named."""

    coi: str
    item: Item | None = None

    @property
    def code(self) -> str:
        if self.item is None:
            return self.coi
        text = self.coi + self.item.code
        return text + check_character(text)


def item_of(code: str) -> Item | None:
    """The item of a code such as `P02`; None where it is none, or has a number that no item has."""
    found = ITEM.fullmatch(code)
    number = int(found[2]) if found else 0
    return Item(KINDS[found[1]], number) if found and 1 <= number <= MOST else None


def label_of(code: str) -> Label | None:
    """The label with exactly this code; None where a check character is not right: it was misread, and is nobody's."""
    if len(code) not in {_ID_LENGTH, _LENGTH} or not ID.fullmatch(coi := code[:_ID_LENGTH]):
        return None
    if check_character(coi[:-1]) != coi[-1]:
        return None
    if len(code) == _ID_LENGTH:
        return Label(coi)
    item = item_of(code[_ID_LENGTH:-1])
    return Label(coi, item) if item is not None and check_character(code[:-1]) == code[-1] else None


def check_character(text: str) -> str:
    """ISO 7064 mod 37,2 (ISBT 128 keyboard check character)."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
    check = 0
    for character in text:
        check = (check + alphabet.index(character)) * 2 % 37
    return alphabet[(38 - check) % 37]
