"""The scans of a step's form: each compared with the therapy and with the item that it asks for.

A label of another therapy stops everything. One of this therapy on another item was the wrong thing in the hand, and a
code whose check character is not right was misread: both are said at the field, and scanned again (docs/adr/0020).
"""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from custody.contract.comparing import HeldTo
from custody.contract.items import LETTERS, MOST, NAMES, Label
from custody.contract.scanning import (
    IDENTITIES,
    counts_bags,
    kind_scanned,
    said_twice,
    scan_names,
    why_not,
    why_not_so_many,
)
from custody.labels.barcode import label_in
from custody.protocols.document import Field, Step
from portal.actions.base import ScanStops

SCAN_WORDS: Mapping[str, str] = {kind: f"Scan the {name}" for kind, name in NAMES.items()} | {
    "shipper": "Scan the shipper",
    "seal": "Scan or type the seal",
}
NEXT_BAG = "Scan the next product bag"
OR_TYPE = "or type what stands on it."
MISREAD = "That is no label’s code: a letter or digit is wrong or missing. Scan it again."
SCAN_ATTRIBUTES = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "enterkeyhint": "next"}
OWN_SCAN = {"data-scan": ""}
"""A place of its own for a scan: its Enter goes on to the next field and sends nothing."""
LONGEST_NUMBER = 3
"""Digits of a number that are read at all: Python refuses to read thousands."""


class ScanFields(forms.Form):
    """What is scanned for a step. `items_named`: whether a label has to say which item it is on."""

    step: Step
    coi: str
    items_named: bool
    held_to: HeldTo | None = None

    def ask_scans(self, bags: str = "") -> None:
        """Add the controls. `bags`: for how many product bags there is a place, where a step takes several."""
        for kind in self.step.scans:
            for name in scan_names(kind, self._bags(bags) if kind == "bag" else 1):
                label = SCAN_WORDS[kind] if name == kind else NEXT_BAG
                missing = f"Scan the {NAMES.get(kind, kind)}" if name == kind else NEXT_BAG
                field = forms.CharField(
                    label=label,
                    max_length=120,
                    error_messages={"required": f"{missing}, {OR_TYPE}"},
                    widget=forms.TextInput(attrs=SCAN_ATTRIBUTES | self.attributes_of(kind)),
                )
                self.fields[f"scan_{name}"] = field

    def attributes_of(self, kind: str) -> dict[str, str]:
        """An identity is compared on the page, and never kept in the tab: after a reload it is scanned anew."""
        if kind not in IDENTITIES:
            return OWN_SCAN
        named = {"data-named": ""} if self.items_named else {}
        return {"data-identity": kind, "data-item": LETTERS[kind], "data-private": ""} | named

    def _bags(self, asked: str) -> int:
        """Places for product bags: as many as were asked for, sent, or entered as infused, if that can be true."""
        counted = counts_bags(self.step) if self.items_named else None
        if counted is None:
            return 1
        sent = [name for name in self.data if kind_scanned(name.removeprefix("scan_")) == "bag"]
        entered = number_in(self.data.get(f"value_{counted.code}"))
        if self._is_beyond(counted, entered):
            entered = 0
        count = min(max(number_in(asked), len(sent), entered, 1), MOST)
        if count > 1 and not self.is_bound:
            self.initial.setdefault(f"value_{counted.code}", str(count))
        return count

    def compare_scans(self) -> None:
        """Say what is wrong of each scan. Raises ScanStops where one is of another therapy, whatever else is wrong."""
        seen: set[str] = set()
        for name, text in self._read().items():
            kind = kind_scanned(name)
            if not self.coi or not text or kind not in IDENTITIES:
                continue
            label = label_in(text)
            if label is not None and label.coi != self.coi:
                raise ScanStops(kind, label.coi)
            wrong = MISREAD if label is None else self.why_wrong(kind, label)
            if not wrong and label is not None and label.item is not None and label.code in seen:
                wrong = said_twice(label)
            if wrong:
                self.add_error(f"scan_{name}", wrong)
            elif label is not None:
                seen.add(label.code)
        self._count_bags()

    def why_wrong(self, kind: str, label: Label) -> str:
        """Why this label of the therapy is not what is wanted; empty where it is."""
        return why_not(kind, label, items_named=self.items_named)

    def _count_bags(self) -> None:
        counted = counts_bags(self.step) if self.items_named else None
        if counted is None or not (entered := number_in(self.cleaned_data.get(f"value_{counted.code}"))):
            return
        if self._is_beyond(counted, entered):
            return  # The figure is what is wrong, and it is said there; more scans would not mend it.
        scans = [name for name in self.fields if kind_scanned(name.removeprefix("scan_")) == "bag"]
        wrong = why_not_so_many(str(entered), len(scans))
        if wrong:
            self.add_error(f"value_{counted.code}", wrong)

    def _is_beyond(self, counted: Field, entered: int) -> bool:
        """Whether so many bags cannot have been infused, by the figure that theirs is held to."""
        bounds = self.held_to.held(counted) if self.held_to is not None else []
        highest = [high for _, high in (held.reach for held in bounds) if high is not None]
        return any(entered > high for high in highest)

    @property
    def scan_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("scan_")]

    @property
    def more_bags(self) -> int | None:
        """For how many bags there would be a place with another one; None where a step takes no more."""
        if not self.items_named or counts_bags(self.step) is None:
            return None
        count = sum(kind_scanned(name.removeprefix("scan_")) == "bag" for name in self.fields)
        return count + 1 if count < MOST else None

    @property
    def scanned(self) -> dict[str, str]:
        """What was scanned, by name: a label's code as the record holds it, anything else as it came."""
        found = {}
        for name, text in self._read().items():
            label = label_in(text) if kind_scanned(name) in IDENTITIES else None
            found[name] = text if label is None else label.code if self.items_named else label.coi
        return found

    def _read(self) -> dict[str, str]:
        names = (name.removeprefix("scan_") for name in self.fields if name.startswith("scan_"))
        return {name: str(self.cleaned_data.get(f"scan_{name}") or "").strip() for name in names}


def number_in(given: object) -> int:
    """The whole number that was written; 0 where there is none, or one beyond reading."""
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else 0
