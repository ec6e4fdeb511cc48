"""A therapy that a fork put in doubt waits for its members' agreement, or for two people in an emergency."""

from __future__ import annotations

import pytest

from custody.contract import holds, ready_steps
from ledger.ids import derived
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import Paper, Person

FORK, OTHER = str(derived("divergence", "fork")), str(derived("divergence", "other"))
STEWARD = Person("operator", "divergence watch")
PHYSICIAN, COORDINATOR, NURSE = (Person("centre", role) for role in ("physician", "coordinator", "nurse"))
QA, QP, PAYER = Person("maker", "qa"), Person("maker", "qp"), Person("payer", "payer_analyst")


def held(paper: Paper, divergence: str = FORK, *, by: Person = STEWARD, agreed: object = 7) -> Paper:
    paper.record(holds.HELD, {"divergence": divergence, "agreed": agreed}, by)
    return paper


def agree(paper: Paper, by: Person, *divergences: str) -> None:
    paper.record(holds.AGREED, {"divergences": sorted(divergences or [FORK])}, by)


def break_glass(paper: Paper, by: Person, emergency: str = "cells_expire") -> None:
    paper.record(holds.BROKEN, {"divergences": [FORK], "emergency": emergency}, by)


def test_no_step_is_done_on_a_held_therapy_and_the_refusal_says_who_frees_it() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    with pytest.raises(Refused, match=r"place 7 on is in doubt.*centre and maker free.*Qualified Person"):
        paper.do("bedside-check")
    assert {one.held for one in ready_steps(paper.state, paper.protocol)} == {holds.WORKLIST_REASON}


def test_centre_and_maker_free_it_when_both_agree() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    agree(paper, COORDINATOR)
    with pytest.raises(Refused, match="is held since"):
        paper.do("bedside-check")
    agree(paper, QA)
    paper.do("bedside-check")


def test_before_a_maker_takes_part_centre_and_payer_agree() -> None:
    paper = held(Paper().walk(before="booking"))
    agree(paper, PHYSICIAN)
    agree(paper, PAYER)
    paper.do("booking")


@pytest.mark.parametrize(
    ("by", "words"), [(NURSE, "signed by"), (PAYER, "centre and the maker"), (Person("other maker", "qa"), "centre")]
)
def test_nobody_else_agrees(by: Person, words: str) -> None:
    paper = held(Paper().walk(before="bedside-check"))
    with pytest.raises(Refused, match=words):
        agree(paper, by)


def test_one_member_agrees_once() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    agree(paper, PHYSICIAN)
    with pytest.raises(Refused, match="already"):
        agree(paper, COORDINATOR)


def test_physician_and_qualified_person_free_it_in_an_emergency() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    break_glass(paper, QP)
    assert holds.hold_of(paper.state) is not None
    break_glass(paper, PHYSICIAN)
    paper.do("bedside-check")


@pytest.mark.parametrize("by", [NURSE, QA, COORDINATOR, Person("other centre", "physician"), Person("operator", "qp")])
def test_nobody_else_breaks_the_glass(by: Person) -> None:
    paper = held(Paper().walk(before="bedside-check"))
    with pytest.raises(Refused, match="physician of the centre and a Qualified Person"):
        break_glass(paper, by)


def test_one_signature_does_not_break_the_glass_twice() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    break_glass(paper, PHYSICIAN)
    with pytest.raises(Refused, match="signed already"):
        break_glass(paper, PHYSICIAN)


def test_an_unknown_emergency_breaks_nothing() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    with pytest.raises(Refused, match="emergency"):
        break_glass(paper, PHYSICIAN, "in a hurry")


def test_who_signed_before_a_second_fork_is_asked_again() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    agree(paper, PHYSICIAN)
    held(paper, OTHER, agreed=3)
    with pytest.raises(Refused, match="diverged again"):
        agree(paper, QA)
    agree(paper, QA, FORK, OTHER)
    agree(paper, PHYSICIAN, FORK, OTHER)
    assert holds.hold_of(paper.state) is None


def test_a_freed_therapy_is_not_held_for_the_same_divergence_again() -> None:
    paper = held(Paper().walk(before="bedside-check"))
    agree(paper, PHYSICIAN)
    agree(paper, QA)
    with pytest.raises(Refused, match="before"):
        held(paper)


@pytest.mark.parametrize("who", ["payer", "regulator", "other centre"])
def test_who_does_not_handle_the_cells_holds_nothing(who: str) -> None:
    with pytest.raises(Refused, match="takes part"):
        held(Paper().walk(after="collect"), by=Person(who, "administrator"))


@pytest.mark.parametrize("agreed", [-1, "7", None, True, 1.5, 2**60])
def test_a_place_that_is_none_is_refused(agreed: object) -> None:
    with pytest.raises(Refused, match="whole number"):
        held(Paper().walk(after="collect"), agreed=agreed)


def test_a_held_therapy_still_takes_warnings_and_may_end() -> None:
    paper = held(Paper().walk(before="accept-starting-material"))
    paper.commit_readings("outbound")
    paper.open_exception("deviation")
    paper.stop_identity()
    paper.end()
    assert paper.state["status"] == "cancelled"


def test_an_ended_therapy_is_not_held() -> None:
    paper = Paper().walk(before="collect")
    paper.end()
    with pytest.raises(Refused, match="ended"):
        held(paper)
