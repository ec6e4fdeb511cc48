"""The scans of a form: labels of before, labels of now, and one in the place of another."""

from __future__ import annotations

import pytest

from custody.contract.items import Item, Label, check_character
from custody.protocols import document
from portal.actions.base import ScanStops
from portal.actions.scan_fields import MISREAD, ScanFields
from tests.unit.custody.contract.paper import of_format_1, shipped

COI = "X004226000001" + check_character("X004226000001")
OTHER = "X004226000002" + check_character("X004226000002")
OF_ALL = ("wristband", "cassette", "bag")


def code(kind: str, number: int = 1, coi: str = COI) -> str:
    return Label(coi, Item(kind, number)).code


class Scanned(ScanFields):
    """The scans of one step of a document, compared."""

    def __init__(self, step: str, sent: dict[str, str], *, older: bool) -> None:
        protocol = document.read(of_format_1("cd19-fresh") if older else shipped("cd19-fresh"))
        super().__init__({f"scan_{name}": text for name, text in sent.items()})
        found = protocol.step(step)
        assert found is not None
        self.step, self.coi, self.items_named = found, COI, protocol.names_items
        self.ask_scans()
        self.full_clean()
        self.compare_scans()

    @property
    def said(self) -> dict[str, str]:
        return {name.removeprefix("scan_"): str(texts[0]) for name, texts in self.errors.items()}


def bedside(*, older: bool = False, **sent: str) -> Scanned:
    return Scanned("bedside-check", {kind: code(kind) for kind in OF_ALL} | sent, older=older)


def test_the_right_items_stand_in_the_record_as_their_codes() -> None:
    form = bedside(bag=f"]d290{code('bag', 2)}")
    assert not form.said
    assert form.scanned == {"wristband": code("wristband"), "cassette": code("cassette"), "bag": code("bag", 2)}


def test_labels_of_before_are_taken_under_a_document_of_before_and_the_record_is_as_it_was() -> None:
    form = bedside(older=True, wristband=COI, cassette=COI, bag=COI)
    assert not form.said
    assert form.scanned == dict.fromkeys(OF_ALL, COI)


def test_labels_of_now_are_taken_under_a_document_of_before_and_the_wrong_item_is_not() -> None:
    assert bedside(older=True).scanned == dict.fromkeys(OF_ALL, COI)
    form = bedside(older=True, bag=code("cassette"))
    assert form.said == {"bag": "This is cassette 1. Wanted is the product bag: scan that."}


def test_labels_of_before_are_printed_anew_under_a_document_of_now() -> None:
    assert bedside(bag=COI).said == {
        "bag": "This label does not say what it is on. Print it anew; wanted is the product bag."
    }


@pytest.mark.parametrize("older", [False, True])
def test_a_misread_code_is_said_and_stops_nothing(older: bool) -> None:
    whole = code("bag")
    for text in (whole[:-1], whole[:-1] + "?", whole.replace("P01", "P02"), "4006381333931", OTHER[:-1] + "0"):
        assert bedside(older=older, bag=text).said == {"bag": MISREAD}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("held", ["wristband", "bag"])
def test_another_therapys_label_stops_whatever_else_is_wrong(older: bool, held: str) -> None:
    with pytest.raises(ScanStops) as stop:
        bedside(older=older, wristband=code("cassette"), bag=code(held, coi=OTHER))
    assert (stop.value.kind, stop.value.scanned) == ("bag", OTHER)
