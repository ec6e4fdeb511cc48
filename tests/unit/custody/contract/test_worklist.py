"""Which steps may be done now, by whom, by when."""

from __future__ import annotations

from datetime import timedelta

from custody.contract import ReadyStep, ready_steps
from ledger.clock import parse_stamp
from tests.unit.custody.contract.paper import Paper, Person, party


def ready(paper: Paper) -> dict[str, ReadyStep]:
    return {one.step.code: one for one in ready_steps(paper.state, paper.protocol)}


def test_tests_run_beside_the_freezing() -> None:
    paper = Paper().walk(before="cryopreserve")
    assert "cryopreserve" in ready(paper)
    assert sum(code.startswith("test-") for code in ready(paper)) == 12


def test_a_step_is_due_by_its_slot() -> None:
    paper = Paper().walk(before="collect")
    end = parse_stamp(paper.state["slots"]["apheresis"]["end"])
    assert ready(paper)["collect"].due_at == end
    assert ready(paper)["collect"].party == str(party("centre"))


def test_a_step_without_a_slot_is_due_so_long_after_the_one_before() -> None:
    paper = Paper()
    paper.do("order")
    approval = ready(paper)["payer-approval"]
    assert approval.since == paper.now
    assert approval.due_at == paper.now + timedelta(days=2)


def test_the_first_outcome_is_due_28_days_after_the_infusion() -> None:
    paper = Paper().walk(after="infuse")
    assert set(ready(paper)) == {"outcome-day-28"}
    assert ready(paper)["outcome-day-28"].due_at == paper.now + timedelta(days=28)


def test_nothing_is_to_be_done_on_an_ended_therapy() -> None:
    paper = Paper().walk(after="harvest")
    paper.end()
    assert ready(paper) == {}


def test_a_held_step_is_shown_with_what_holds_it() -> None:
    paper = Paper().walk(before="release")
    paper.open_exception("excursion")
    assert ready(paper)["release"].held == "excursion"
    paper.stop_identity(by=Person("maker", "operator"))
    assert ready(paper)["release"].held == "identity_stop"


def test_an_optional_step_is_offered_beside_the_one_after_it_until_that_is_done() -> None:
    paper = Paper("hsc-edited").walk(before="count-cells")
    assert {"count-cells", "pack-outbound"} <= set(ready(paper))
    paper.do("pack-outbound")
    assert "count-cells" not in ready(paper)


def test_what_follows_a_step_left_out_waits_since_the_one_before_that() -> None:
    paper = Paper("hsc-edited").walk(before="count-cells")
    assert ready(paper)["pack-outbound"].since == parse_stamp(paper.state["done"]["collect"]["at"])


def test_a_refused_hand_over_is_to_be_offered_again() -> None:
    paper = Paper().walk(before="pickup-outbound")
    assert set(ready(paper)) == {"pickup-outbound"}
    body = {"handoff": paper.state["custody"]["offer"]["id"], "reason": "damaged"}
    paper.record("custody.handoff.refused/v1", body, Person("courier", "courier"))
    assert set(ready(paper)) == {"hand-over-outbound"}
