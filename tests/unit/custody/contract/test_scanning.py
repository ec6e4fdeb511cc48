"""What is scanned is of this therapy, and the item that is asked for: no label passes in the place of another."""

from __future__ import annotations

from typing import Any

import pytest

from custody.contract.items import Item, Label, check_character, item_of, label_of
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, Paper, of_format_1

BARE = "X004226000002"
ANOTHER = BARE + check_character(BARE)


def code(paper: Paper, kind: str, number: int = 1, coi: str = "") -> str:
    return Label(coi or paper.state["coi"], Item(kind, number)).code


def scans(paper: Paper, step: str, **changed: Any) -> dict[str, Any]:
    """The step's scans as they ought to be, with some changed; `...` leaves one out."""
    whole = paper.body(paper.step(step), paper.now)["scans"] | changed
    return {name: value for name, value in whole.items() if value is not ...}


@pytest.mark.parametrize("kind", ["wristband", "cassette", "bag"])
def test_one_label_does_not_pass_for_patient_cassette_and_bag(kind: str) -> None:
    paper = Paper().walk(before="bedside-check")
    one = code(paper, kind)
    with pytest.raises(Refused, match=f"This is .*{kind}.*Wanted is the "):
        paper.do("bedside-check", scans=dict.fromkeys(("wristband", "cassette", "bag"), one))


@pytest.mark.parametrize("document", CODES)
def test_no_item_passes_in_the_place_of_another_at_any_step(document: str) -> None:
    paper = Paper(document)
    letters = ("wristband", "order", "label", "bag", "cassette")
    for step in [step for step in paper.protocol.steps if set(step.scans) & set(letters)]:
        paper.walk(before=step.code)
        for wanted in set(step.scans) & set(letters):
            for held in set(letters) - {wanted}:
                with pytest.raises(Refused, match=r"Wanted is the|scanned twice"):
                    paper.copy().do(step.code, scans=scans(paper, step.code, **{wanted: code(paper, held)}))


def test_a_label_of_another_therapy_is_none_of_this_one_whatever_it_is_on() -> None:
    paper = Paper().walk(before="bedside-check")
    for held in ("bag", "wristband"):
        with pytest.raises(Refused, match="The product bag belongs to another therapy"):
            paper.do("bedside-check", scans=scans(paper, "bedside-check", bag=code(paper, held, coi=ANOTHER)))


def test_a_label_that_says_no_item_is_none_under_a_document_whose_labels_name_theirs() -> None:
    paper = Paper().walk(before="bedside-check")
    with pytest.raises(Refused, match="does not say what it is on"):
        paper.do("bedside-check", scans=scans(paper, "bedside-check", bag=paper.state["coi"]))


@pytest.mark.parametrize("older", ["needlepoint-protocol/1", "needlepoint-protocol/2"])
def test_under_an_older_document_labels_of_before_are_scanned_as_they_were(older: str) -> None:
    paper = Paper(content=of_format_1("cd19-fresh") | {"format": older}).walk(before="bedside-check")
    one = paper.state["coi"]
    with pytest.raises(Refused, match="belongs to another therapy"):
        paper.do("bedside-check", scans=scans(paper, "bedside-check", bag=code(paper, "bag")))
    paper.do("bedside-check", scans=dict.fromkeys(("wristband", "cassette", "bag"), one))
    paper.walk(after="infuse")
    assert paper.state["status"] == "completed"


def infusing(paper: Paper, count: str, **bags: Any) -> None:
    values = paper.body(paper.step("infuse"), paper.now)["values"] | {"bags": {"value": count, "unit": "bags"}}
    paper.do("infuse", values=values, scans={"wristband": code(paper, "wristband"), **bags})


def test_each_bag_that_is_infused_is_scanned_once() -> None:
    paper = Paper().walk(before="infuse")
    first, second = code(paper, "bag", 1), code(paper, "bag", 2)
    with pytest.raises(Refused, match="Product bag 1 was scanned twice"):
        infusing(paper, "2", **{"bag": first, "bag-2": first})
    with pytest.raises(Refused, match="1 product bag is scanned, and 2 infused"):
        infusing(paper, "2", bag=first)
    with pytest.raises(Refused, match="2 product bags are scanned, and 1 infused"):
        infusing(paper, "1", **{"bag": first, "bag-2": second})
    infusing(paper, "2", **{"bag": first, "bag-2": second})
    assert paper.state["status"] == "completed"


@pytest.mark.parametrize(("name", "given"), [("cassette", "x"), ("bag-2", 7), ("bag-2", "P02"), ("bag-2", "")])
def test_nothing_else_stands_among_the_scans_as_an_item(name: str, given: Any) -> None:
    paper = Paper().walk(before="infuse")
    with pytest.raises(Refused):
        infusing(paper, "2", **{"bag": code(paper, "bag"), name: given})


def test_a_code_reads_back_as_what_it_was_written_from() -> None:
    for kind in ("wristband", "order", "label", "bag", "cassette"):
        for number in (1, 9, 20):
            label = Label(ANOTHER, Item(kind, number))
            assert label_of(label.code) == label
    assert label_of(ANOTHER) == Label(ANOTHER)


def test_one_wrong_character_anywhere_or_two_that_changed_places_make_it_no_label() -> None:
    whole = Label(ANOTHER, Item("bag", 12)).code
    for place, character in enumerate(whole):
        for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*":
            if other != character:
                assert label_of(whole[:place] + other + whole[place + 1 :]) is None, (place, other)
    for place in range(len(whole) - 1):
        swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
        assert swapped == whole or label_of(swapped) is None, place


@pytest.mark.parametrize("text", ["P00", "P21", "P99", "Q01", "p01", "P1", "P001", "", "P0１"])
def test_no_item_has_such_a_code(text: str) -> None:
    assert item_of(text) is None
