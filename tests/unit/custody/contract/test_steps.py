"""What every step keeps: order, role, party, second person, times, values, scans, leaf."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from custody.contract.items import Item, Label, check_character
from ledger.clock import stamp
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, COMMITMENT, Paper, Person, bad

ANOTHER = Label("X004226000002" + check_character("X004226000002"), Item("wristband", 1)).code


def collecting() -> Paper:
    return Paper().walk(before="collect")


def values(paper: Paper, code: str, **changes: Any) -> dict[str, Any]:
    """The step's public values with some changed; `...` leaves one out."""
    step = paper.step(code)
    whole: dict[str, Any] = paper.body(step, paper.now)["values"] | changes
    return {name: value for name, value in whole.items() if value is not ...}


@pytest.mark.parametrize("code", CODES)
def test_no_step_is_done_before_what_it_comes_after(code: str) -> None:
    paper = Paper(code)
    paper.do("order")
    for step in paper.protocol.steps[2:]:
        with pytest.raises(Refused):
            paper.copy().do(step.code)


def test_a_step_that_is_refused_for_its_order_names_what_comes_first() -> None:
    paper = Paper().walk(before="label")
    with pytest.raises(Refused, match="first comes “Print the chain-of-identity labels”"):
        paper.do("collect")


def test_a_step_is_done_once() -> None:
    paper = Paper().walk(after="collect")
    with pytest.raises(Refused, match="already on record"):
        paper.do("collect")


def test_a_step_is_recorded_under_its_own_type() -> None:
    paper = collecting()
    entry = paper.step_entry("collect")
    other = paper.entry("custody.preparation.performed/v1", entry.body, Person("centre", "nurse"))
    with pytest.raises(Refused, match="is recorded as"):
        paper.admit(other)


def test_records_that_nobody_knows_are_refused() -> None:
    paper = collecting()
    with pytest.raises(Refused, match="know no record"):
        paper.record("custody.miracle.worked/v1", {}, Person("centre", "nurse"))
    with pytest.raises(Refused, match="no step"):
        paper.record("custody.collection.performed/v1", {"step": "no-such-step"}, Person("centre", "nurse"))


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (Person("centre", "coordinator"), "signed by a nurse"),
        (Person("other centre", "nurse"), "another organisation"),
        (Person("maker", "operator"), "another organisation"),
    ],
)
def test_a_step_is_for_its_role_at_its_organisation(by: Person, words: str) -> None:
    paper = collecting()
    with pytest.raises(Refused, match=words):
        paper.do("collect", by=by)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (None, "second person has to verify"),
        (Person("centre", "nurse", "A"), "somebody else"),
        (Person("maker", "nurse", "C"), "same organisation"),
        (Person("centre", "coordinator", "C"), "second person has to be"),
    ],
)
def test_nobody_verifies_their_own_act(second: Person | None, words: str) -> None:
    paper = collecting()
    with pytest.raises(Refused, match=words):
        paper.do("collect", second=second)


def test_a_step_for_one_takes_one_signature() -> None:
    paper = Paper().walk(before="label")
    with pytest.raises(Refused, match="one signature"):
        paper.do("label", second=Person("centre", "nurse", "C"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda paper: stamp(paper.now + timedelta(days=2)), "ends before it starts"),
        (lambda paper: stamp(paper.now - timedelta(days=2)), "cannot start before"),
        (lambda paper: "yesterday", "UTC time"),
        (lambda paper: "2026-03-04T10:00:00+01:00", "UTC time"),
        (lambda paper: 7, "UTC time"),
        (lambda paper: ..., "says nothing"),
    ],
)
def test_a_step_starts_after_what_it_follows_and_before_it_ends(change: Any, words: str) -> None:
    paper = collecting()
    with pytest.raises(Refused, match=words):
        paper.do("collect", started_at=change(paper))


def test_a_step_after_one_that_was_left_out_starts_after_what_came_before_that() -> None:
    paper = Paper("hsc-edited").walk(before="count-cells")
    with pytest.raises(Refused, match="cannot start before “Collect mobilised stem cells”"):
        paper.do("pack-outbound", started_at=stamp(paper.now - timedelta(hours=3)))


def test_an_optional_step_is_not_done_once_a_later_one_is() -> None:
    paper = Paper("hsc-edited").walk(before="count-cells")
    paper.do("pack-outbound")
    paper.do("hand-over-outbound")
    with pytest.raises(Refused, match="can no longer be done"):
        paper.do("count-cells")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"volume": ...}, "“Collected volume” is missing"),
        ({"volume": {"value": "200", "unit": "L"}}, "unit"),
        ({"volume": {"value": "200"}}, "unit"),
        ({"volume": "200"}, "unit"),
        ({"volume": {"value": 200, "unit": "mL"}}, "unit"),
        ({"volume": {"value": "200", "unit": "mL", "note": "Jane Roe"}}, "unit"),
        ({"volume": {"value": "two hundred", "unit": "mL"}}, "decimal number"),
        ({"volume": {"value": "2e2", "unit": "mL"}}, "decimal number"),
        ({"volume": {"value": "0200", "unit": "mL"}}, "decimal number"),
        ({"volume": {"value": "200.5", "unit": "mL"}}, "at most 0 decimals"),
        ({"nothing": {"value": "1", "unit": ""}}, "no field"),
        ({"remarks": {"value": "Jane Roe is tired", "unit": ""}}, "must not stand in the open"),
    ],
)
def test_a_public_value_is_of_its_form(changes: dict[str, Any], words: str) -> None:
    paper = collecting()
    with pytest.raises(Refused, match=words):
        paper.do("collect", values=values(paper, "collect", **changes))


@pytest.mark.parametrize(
    ("sealed", "words"),
    [
        ({"remarks": "Jane Roe is tired"}, "commitment, not the value"),
        ({"volume": COMMITMENT}, "is not sealed"),
        ({"nothing": COMMITMENT}, "no field"),
        (["remarks"], "names with their values"),
    ],
)
def test_a_sealed_value_is_a_commitment(sealed: Any, words: str) -> None:
    paper = collecting()
    with pytest.raises(Refused, match=words):
        paper.do("collect", sealed=sealed)


def test_a_required_sealed_value_is_not_left_out() -> None:
    with pytest.raises(Refused, match="“Indication” is missing"):
        Paper().do("order", sealed={})


def test_a_value_out_of_limits_is_recorded_as_such() -> None:
    paper = collecting()
    field = paper.step("collect").fields[0]
    outside = values(paper, "collect", volume={"value": bad(field), "unit": "mL"})
    with pytest.raises(Refused, match="out of limits"):
        paper.do("collect", values=outside)
    paper.do("collect", values=outside, in_limits=False)
    assert paper.state["done"]["collect"]["ok"] is False


@pytest.mark.parametrize("declared", [..., "yes", None])
def test_a_record_says_whether_its_values_are_in_limits(declared: Any) -> None:
    paper = collecting()
    with pytest.raises(Refused, match="in_limits|in limits"):
        paper.do("collect", in_limits=declared)


@pytest.mark.parametrize(
    ("code", "field", "value", "words"),
    [
        ("accept-product", "seal-intact", "perhaps", "yes or no"),
        ("infuse", "volume", "5.5", "out of limits"),
    ],
)
def test_checks_and_signs(code: str, field: str, value: str, words: str) -> None:
    paper = Paper().walk(before=code)
    if code == "accept-product":
        paper.commit_readings("return")
    unit = paper.step(code).field(field).unit  # type: ignore[union-attr]
    with pytest.raises(Refused, match=words):
        paper.do(code, values=values(paper, code, **{field: {"value": value, "unit": unit}}))


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("wristband", ANOTHER, "belongs to another therapy"),
        ("wristband", "", "Scan the wristband first"),
        ("label", None, "Scan the label of the cells first"),
        ("order", 7, "Scan the order first"),
    ],
)
def test_what_is_scanned_belongs_to_this_therapy(kind: str, given: Any, words: str) -> None:
    paper = collecting()
    with pytest.raises(Refused, match=words):
        paper.do("collect", scans=paper.body(paper.step("collect"), paper.now)["scans"] | {kind: given})


@pytest.mark.parametrize(("kind", "words"), [("seal", "seal is not the one"), ("shipper", "shipper is not the one")])
def test_another_seal_or_shipper_is_not_taken_over(kind: str, words: str) -> None:
    paper = Paper().walk(before="pickup-outbound")
    scans = {"seal": "SEAL-outbound", "shipper": "BOX-outbound"} | {kind: "ANOTHER"}
    with pytest.raises(Refused, match=words):
        paper.do("pickup-outbound", scans=scans)


@pytest.mark.parametrize("leaf", [..., 7, "-1", "007", "1e3", str(2**254), "x", ""])
def test_a_leaf_is_a_field_element(leaf: Any) -> None:
    paper = collecting()
    with pytest.raises(Refused, match="leaf"):
        paper.do("collect", leaf=leaf)


def test_a_step_out_of_limits_that_nobody_raised_holds_what_matters() -> None:
    paper = Paper().walk(before="cryopreserve")
    paper.do("cryopreserve", in_limits=False)
    paper.walk(before="release")
    with pytest.raises(Refused, match="no exception says so yet"):
        paper.do("release")
    deviation = paper.open_exception("deviation", step="cryopreserve")
    with pytest.raises(Refused, match="an exception is open"):
        paper.do("release")
    paper.close_exception(deviation)
    paper.do("release")


def test_an_exception_that_is_no_finding_on_the_step_does_not_raise_it() -> None:
    paper = Paper().walk(before="cryopreserve")
    paper.do("cryopreserve", in_limits=False)
    paper.close_exception(paper.open_exception("deviation", step="harvest", name="one"))
    paper.open_exception("not_proven", step="cryopreserve", name="two")
    paper.walk(before="release")
    with pytest.raises(Refused, match="no exception says so yet"):
        paper.do("release")
