"""An answer that halts: recorded in the step's place, closed by others than those who gave it."""

from __future__ import annotations

from typing import Any

import pytest

from custody.contract.closing import HALTED
from custody.contract.corrections import CORRECTED
from ledger.ids import derived
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, Paper, Person, of_format_1

PHYSICIAN, NURSE = Person("centre", "physician"), Person("centre", "nurse")
SECOND = Person("centre", "nurse", "C")
QA, OTHER_QA, OPERATOR = Person("maker", "qa"), Person("maker", "qa", "D"), Person("maker", "operator")
CONSENT = {"consent-confirmed": "no"}


def halt(
    paper: Paper,
    step: str = "bedside-check",
    answers: Any = CONSENT,
    *,
    by: Person = NURSE,
    second: Person | None = SECOND,
    name: str = "one",
) -> str:
    identifier = str(derived("exception", "halt", name))
    body = {"id": identifier, "step": step, "answers": answers}
    paper.record(HALTED, body, by, second=second)
    return identifier


def test_consent_answered_with_no_halts_everything_and_the_step_is_done_anew() -> None:
    paper = Paper().walk(before="bedside-check")
    stop = halt(paper)
    with pytest.raises(Refused, match="waits: an exception is open"):
        paper.do("bedside-check")
    paper.close_exception(stop, by=PHYSICIAN, second=Person("centre", "nurse", "E"))
    paper.walk(after="infuse")
    assert paper.state["status"] == "completed"


@pytest.mark.parametrize("code", CODES)
def test_a_step_is_never_done_with_an_answer_that_halts(code: str) -> None:
    paper = Paper(code).walk(before="review")
    values = paper.body(paper.step("review"), paper.now)["values"]
    wrong = values | {"identity-unbroken": {"value": "no", "unit": ""}}
    with pytest.raises(Refused, match=r"“Chain of identity unbroken.*: no” halts the therapy"):
        paper.do("review", values=wrong, in_limits=False)


def test_whoever_answered_neither_closes_it_nor_is_the_second() -> None:
    paper = Paper().walk(before="review")
    stop = halt(paper, "review", {"identity-unbroken": "no"}, by=QA, second=None)
    with pytest.raises(Refused, match="Whoever gave the answer"):
        paper.close_exception(stop, by=QA, second=OPERATOR)
    with pytest.raises(Refused, match="somebody else than those who gave the answer"):
        paper.close_exception(stop, by=OTHER_QA, second=QA)
    with pytest.raises(Refused, match="second person"):
        paper.close_exception(stop, by=OTHER_QA)
    paper.close_exception(stop, by=OTHER_QA, second=OPERATOR)
    paper.do("review", by=QA)


def test_who_verified_the_answer_does_not_close_it_either() -> None:
    paper = Paper().walk(before="bedside-check")
    stop = halt(paper)
    with pytest.raises(Refused, match="somebody else than those who gave"):
        paper.close_exception(stop, by=PHYSICIAN, second=SECOND)


@pytest.mark.parametrize("by", [NURSE, Person("maker", "operator"), Person("payer", "payer_analyst")])
def test_only_a_physician_or_qa_closes_a_halt(by: Person) -> None:
    paper = Paper().walk(before="review")
    stop = halt(paper, "review", {"identity-unbroken": "no"}, by=QA, second=None)
    with pytest.raises(Refused):
        paper.close_exception(stop, by=by, second=Person(by.member, "qa", "F"))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "Say which answer"),
        ({"consent-confirmed": "yes"}, "halts nothing"),
        ({"consent-confirmed": "perhaps"}, "halts nothing"),
        ({"consent-confirmed": 7}, "halts nothing"),
        ({"no-such": "no"}, "has no question"),
        (CONSENT | {"no-such": "no"}, "has no question"),
        ("no", "list of names"),
    ],
)
def test_only_what_halts_is_recorded_as_a_halt(answers: Any, words: str) -> None:
    paper = Paper().walk(before="bedside-check")
    with pytest.raises(Refused, match=words):
        halt(paper, answers=answers)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (Person("maker", "qa"), "another organisation"),
        (Person("centre", "coordinator"), "signed by a nurse"),
    ],
)
def test_only_who_may_sign_the_step_answers_in_it(by: Person, words: str) -> None:
    paper = Paper().walk(before="bedside-check")
    with pytest.raises(Refused, match=words):
        halt(paper, by=by)


def test_a_halt_is_for_a_step_that_is_to_be_done_and_once() -> None:
    paper = Paper().walk(before="accept-product")
    with pytest.raises(Refused, match="not to be done now"):
        halt(paper)
    paper.commit_readings("return")
    paper.walk(before="bedside-check")
    halt(paper)
    with pytest.raises(Refused, match="halted by this step already"):
        halt(paper, name="two")


def test_nobody_is_kept_from_a_halt_for_want_of_a_second_person() -> None:
    paper = Paper().walk(before="bedside-check")
    halt(paper, second=None)
    assert [one["kind"] for one in paper.state["exceptions"].values()] == ["halt"]


def test_nobody_opens_a_halt_by_hand() -> None:
    paper = Paper().walk(before="bedside-check")
    with pytest.raises(Refused, match="kind of the exception"):
        paper.open_exception("halt")


def test_a_halted_therapy_hands_nothing_over_on_the_way() -> None:
    paper = Paper().walk(before="deliver-outbound")
    paper.state["exceptions"]["x"] = {"kind": "halt", "blocking": True, "by": "y"}
    body = {"handoff": str(derived("h", 1)), "to": paper.state["custody"]["holder"], "seal": "SEAL-outbound"}
    with pytest.raises(Refused, match="therapy is halted"):
        paper.record("custody.transfer.offered/v1", body, Person("courier", "courier"))


def test_under_an_older_document_the_same_answer_is_out_of_limits_as_before() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(before="bedside-check")
    values = paper.body(paper.step("bedside-check"), paper.now)["values"] | {
        "consent-confirmed": {"value": "no", "unit": ""}
    }
    paper.do("bedside-check", values=values, in_limits=False)
    assert paper.state["unraised"] == ["bedside-check"]
    with pytest.raises(Refused, match="has no question"):
        halt(paper)


def test_a_correction_does_not_bring_an_answer_that_halts_onto_a_step() -> None:
    content = of_format_1("cd19-fresh") | {"format": "needlepoint-protocol/2"}
    step = next(each for each in content["steps"] if each["code"] == "accept-starting-material")
    next(field for field in step["fields"] if field["code"] == "seal-intact")["halts"] = True
    paper = Paper(content=content).walk(before="wash-and-select")
    values = {"seal-intact": {"value": "no", "unit": ""}}
    body = {"step": step["code"], "n": 1, "reason": "misread", "values": values, "sealed": {}, "in_limits": False}
    with pytest.raises(Refused, match="halts the therapy"):
        paper.record(CORRECTED, body, OPERATOR, second=QA)
    halt(paper, step["code"], {"seal-intact": "no"}, by=OPERATOR, second=QA)
