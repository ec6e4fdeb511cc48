"""Exceptions, identity stops and the out-of-specification path."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from custody.contract.closing import CLOSED, CLOSED_WITH_REASON
from custody.contract.exceptions import KINDS, OOS_STAGES, OOS_TRANSITIONS
from ledger.clock import stamp
from ledger.ids import derived
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import WHY, Paper, Person, of_format_1, party

PHYSICIAN = Person("centre", "physician")
NURSE = Person("centre", "nurse")
QA = Person("maker", "qa")


def test_an_identity_stop_halts_everything_until_two_people_have_looked() -> None:
    paper = Paper().walk(before="bedside-check")
    stop = paper.stop_identity()
    with pytest.raises(Refused, match="identity stop"):
        paper.do("bedside-check")
    with pytest.raises(Refused, match="second person"):
        paper.close_exception(stop, by=PHYSICIAN)
    with pytest.raises(Refused, match="somebody else"):
        paper.close_exception(stop, by=PHYSICIAN, second=PHYSICIAN)
    with pytest.raises(Refused, match="signed by a physician or qa"):
        paper.close_exception(stop, by=NURSE, second=PHYSICIAN)
    paper.close_exception(stop, by=PHYSICIAN, second=NURSE)
    paper.walk(after="infuse")
    assert paper.state["status"] == "completed"


@pytest.mark.parametrize("who", ["payer", "regulator", "other centre"])
def test_only_who_handles_the_cells_stops_for_identity(who: str) -> None:
    paper = Paper().walk(after="collect")
    with pytest.raises(Refused, match="takes part"):
        paper.stop_identity(by=Person(who, "nurse"))


def test_a_stop_at_the_collection_halts_what_is_no_act_on_the_cells_as_well() -> None:
    paper = Paper().walk(before="collect")
    paper.stop_identity()
    with pytest.raises(Refused, match="identity stop"):
        paper.do("collect")


@pytest.mark.parametrize("kind", ["custody_gap", "excursion", "deviation", "out_of_specification"])
def test_an_open_exception_holds_acceptance_and_release_but_not_the_bench(kind: str) -> None:
    paper = Paper().walk(before="accept-starting-material")
    paper.commit_readings("outbound")
    identifier = paper.open_exception(kind)
    with pytest.raises(Refused, match="an exception is open"):
        paper.do("accept-starting-material")
    if kind != "out_of_specification":
        paper.close_exception(identifier)
        paper.do("accept-starting-material")
        paper.open_exception(kind, name="two")
        paper.do("wash-and-select")


def test_a_segment_without_proof_holds_nothing() -> None:
    paper = Paper().walk(before="release")
    paper.open_exception("not_proven")
    paper.do("release")


@pytest.mark.parametrize(
    ("body", "by", "words"),
    [
        ({"kind": "mishap"}, QA, "kind of the exception"),
        ({"kind": "identity_stop"}, QA, "kind of the exception"),
        ({"finding": ""}, QA, "finding"),
        ({"finding": "x" * 241}, QA, "finding"),
        ({"id": "one"}, QA, "identifier"),
        ({}, Person("regulator", "inspector"), "takes part"),
        ({}, Person("other centre", "physician"), "takes part"),
    ],
)
def test_an_exception_is_opened_well_formed_by_who_takes_part(body: dict[str, Any], by: Person, words: str) -> None:
    paper = Paper().walk(after="harvest")
    whole = {"id": str(party("x")), "kind": "deviation", "finding": "Something was found", "step": ""} | body
    with pytest.raises(Refused, match=words):
        paper.record("custody.exception.opened/v1", whole, by)


def test_an_exception_is_opened_once() -> None:
    paper = Paper().walk(after="harvest")
    paper.open_exception("deviation")
    with pytest.raises(Refused, match="already open"):
        paper.open_exception("excursion")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resolution": "forgotten"}, "how the exception is resolved"),
        ({"cause": ""}, "cause"),
        ({"id": str(party("x"))}, "not open"),
        ({"why": ""}, "why"),
        ({"why": "ok"}, "at least three words"),
        ({"why": ". - !"}, "at least three words"),
        ({"why": "a b c"}, "three different words and 15 letters"),
        ({"why": "checked checked checked"}, "three different words"),
        ({"why": "is it ok"}, "15 letters"),
        ({"why": "1234 5678 9012 345678"}, "15 letters"),
        ({"why": "word " * 101}, "1 to 500"),
    ],
)
def test_an_exception_is_closed_with_resolution_cause_and_reason(changes: dict[str, str], words: str) -> None:
    paper = Paper().walk(after="harvest")
    identifier = paper.open_exception("deviation")
    body = {"id": identifier, "resolution": "accepted", "cause": "handling", "why": WHY} | changes
    with pytest.raises(Refused, match=words):
        paper.record(CLOSED_WITH_REASON, body, QA)


def test_an_exception_that_was_closed_before_reasons_were_asked_for_is_replayed() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(after="harvest")
    identifier = paper.open_exception("deviation")
    paper.record(CLOSED, {"id": identifier, "resolution": "accepted", "cause": "handling"}, QA)
    assert identifier not in paper.state["exceptions"]
    assert "reasons_written" not in paper.state


def test_under_an_older_protocol_a_reason_of_three_words_is_replayed_whatever_they_are() -> None:
    paper = Paper(content=of_format_1("cd19-fresh") | {"format": "needlepoint-protocol/2"}).walk(after="harvest")
    identifier = paper.open_exception("deviation")
    body = {"id": identifier, "resolution": "accepted", "cause": "handling", "why": "a b c"}
    paper.record(CLOSED_WITH_REASON, body, QA)
    assert identifier not in paper.state["exceptions"]


def test_under_a_newer_protocol_no_exception_is_closed_without_a_reason() -> None:
    paper = Paper().walk(after="harvest")
    identifier = paper.open_exception("deviation")
    with pytest.raises(Refused, match="Write why"):
        paper.record(CLOSED, {"id": identifier, "resolution": "accepted", "cause": "handling"}, QA)


def test_after_a_written_reason_none_is_closed_without_one() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(after="harvest")
    paper.close_exception(paper.open_exception("deviation"))
    another = paper.open_exception("excursion", name="two")
    with pytest.raises(Refused, match="Write why"):
        paper.record(CLOSED, {"id": another, "resolution": "accepted", "cause": "handling"}, QA)


@pytest.mark.parametrize(
    ("opened_by", "closed_by", "words"),
    [
        (QA, QA, ""),
        (QA, Person("maker", "qp"), ""),
        (NURSE, PHYSICIAN, ""),
        (NURSE, QA, ""),
        (QA, PHYSICIAN, "did not find this"),
        (QA, Person("maker", "operator"), "signed by"),
        (NURSE, NURSE, "signed by a physician"),
        (NURSE, Person("courier", "qa"), "takes part"),
        (NURSE, Person("payer", "qa"), "takes part"),
    ],
)
def test_the_makers_qa_decides_and_a_physician_on_what_the_centre_found(
    opened_by: Person, closed_by: Person, words: str
) -> None:
    paper = Paper().walk(after="accept-product")
    identifier = paper.open_exception("deviation", by=opened_by)
    if words:
        with pytest.raises(Refused, match=words):
            paper.close_exception(identifier, by=closed_by)
    else:
        paper.close_exception(identifier, by=closed_by)
        assert paper.state["exceptions"] == {}


def test_before_there_is_a_maker_the_physician_decides() -> None:
    paper = Paper().walk(before="booking")
    identifier = paper.open_exception("deviation", by=Person("operator", "system"))
    paper.close_exception(identifier, by=PHYSICIAN)
    assert paper.state["exceptions"] == {}


# Out of specification


def failing(*tests: str, code: str = "cd19-fresh") -> Paper:
    """A batch whose named release tests are out of specification, each with its exception, before the release."""
    paper = Paper(code).walk(before="test-appearance")
    for step in [step for step in paper.protocol.steps if step.kind == "test"]:
        paper.do(step.code, in_limits=step.code not in tests)
        if step.code in tests:
            paper.open_exception("out_of_specification", step=step.code, name=step.code)
    paper.do("review")
    return paper


def test_the_path_has_every_stage_in_its_table() -> None:
    assert set(OOS_TRANSITIONS) == set(OOS_STAGES)
    assert {stage for following in OOS_TRANSITIONS.values() for stage in following} == set(OOS_STAGES)


def test_a_product_out_of_specification_is_supplied_on_the_physicians_request() -> None:
    paper = failing("test-viability")
    for stage in ("requested", "evaluated", "accepted"):
        with pytest.raises(Refused, match="open|out of specification"):
            paper.do("release")
        paper.oos(stage)
    paper.do("release")
    paper.oos("informed")
    paper.walk(after="infuse")
    assert paper.state["status"] == "completed"
    assert paper.state["exceptions"] == {}


def test_the_authority_may_be_informed_after_the_infusion() -> None:
    paper = failing("test-viability")
    for stage in ("requested", "evaluated", "accepted"):
        paper.oos(stage)
    paper.walk(after="infuse")
    assert paper.state["status"] == "completed"
    paper.oos("informed")
    assert paper.state["oos"]["stage"] == "informed"


def test_one_path_covers_two_tests() -> None:
    paper = failing("test-viability", "test-dose")
    for stage in ("requested", "evaluated", "accepted", "informed"):
        paper.oos(stage)
    assert paper.state["exceptions"] == {}
    paper.do("release")


@pytest.mark.parametrize(
    ("stage", "by"),
    [
        ("requested", QA),
        ("requested", NURSE),
        ("evaluated", PHYSICIAN),
        ("evaluated", Person("maker", "operator")),
        ("accepted", QA),
        ("accepted", NURSE),
        ("informed", PHYSICIAN),
        ("informed", Person("maker", "qc_analyst")),
        ("requested", Person("payer", "physician")),
    ],
)
def test_each_stage_is_for_its_own_role(stage: str, by: Person) -> None:
    paper = failing("test-viability")
    for earlier in ("requested", "evaluated", "accepted", "informed"):
        if earlier == stage:
            break
        paper.oos(earlier)
    with pytest.raises(Refused, match="signed by|takes part"):
        paper.oos(stage, by=by)


@pytest.mark.parametrize("stage", ["evaluated", "accepted", "informed"])
def test_no_stage_is_skipped(stage: str) -> None:
    with pytest.raises(Refused, match="not at this point"):
        failing("test-viability").oos(stage)


def test_without_a_finding_there_is_no_path() -> None:
    with pytest.raises(Refused, match="not begun"):
        Paper().walk(before="release").oos("requested")


def test_the_exception_is_not_simply_closed() -> None:
    paper = failing("test-viability")
    identifier = next(iter(paper.state["exceptions"]))
    with pytest.raises(Refused, match="ends with the out-of-specification path"):
        paper.close_exception(identifier)


def test_after_the_end_the_exception_is_closed_by_qa() -> None:
    paper = failing("test-viability")
    paper.end("failed", "out_of_specification", Person("maker", "qp"))
    paper.close_exception(next(iter(paper.state["exceptions"])))
    assert paper.state["exceptions"] == {}


def test_a_finding_after_the_evaluation_leads_back_to_it() -> None:
    paper = failing("test-viability")
    for stage in ("requested", "evaluated", "accepted"):
        paper.oos(stage)
    paper.open_exception("out_of_specification", step="harvest", name="later")
    assert paper.state["oos"]["stage"] == "requested"
    assert [exception["blocking"] for exception in paper.state["exceptions"].values()] == [True, True]
    with pytest.raises(Refused, match="an exception is open"):
        paper.do("release")
    for stage in ("evaluated", "accepted", "informed"):
        paper.oos(stage)
    paper.do("release")


def test_what_was_accepted_earlier_covers_no_test_that_came_later() -> None:
    """The starting material was supplied out of specification; a failing release test is another matter."""
    paper = Paper().walk(before="wash-and-select")
    paper.open_exception("out_of_specification", step="accept-starting-material", name="material")
    for stage in ("requested", "evaluated", "accepted", "informed"):
        paper.oos(stage)
    paper.walk(before="test-viability")
    paper.do("test-viability", in_limits=False)
    paper.close_exception(paper.open_exception("deviation", step="test-viability", name="hidden"))
    paper.walk(before="release")
    with pytest.raises(Refused, match="came after the evaluation"):
        paper.do("release")


def test_a_second_path_begins_after_the_first_has_ended() -> None:
    paper = Paper().walk(before="wash-and-select")
    paper.open_exception("out_of_specification", step="accept-starting-material", name="material")
    for stage in ("requested", "evaluated", "accepted", "informed"):
        paper.oos(stage)
    paper.walk(before="test-viability")
    paper.do("test-viability", in_limits=False)
    paper.open_exception("out_of_specification", step="test-viability", name="viability")
    for stage in ("requested", "evaluated", "accepted", "informed"):
        paper.oos(stage)
    paper.walk(after="infuse")
    assert paper.state["status"] == "completed"


def test_the_worst_exception_comes_first() -> None:
    assert KINDS[0] == "identity_stop"
    assert KINDS[-1] == "not_proven"


def report(
    paper: Paper,
    problem: str = "delay",
    *,
    by: Person | None = None,
    leg: str = "outbound",
    name: str = "p",
    **facts: Any,
) -> str:
    identifier = str(derived("exception", name))
    body = {
        "id": identifier,
        "kind": "transport_problem",
        "finding": "Delayed on the road",
        "leg": leg,
        "facts": {"problem": problem, **facts},
    }
    paper.record("custody.exception.opened/v1", body, by or Person("courier", "courier"))
    return identifier


def ahead(paper: Paper, hours: int) -> str:
    return stamp(paper.now + timedelta(hours=hours))


def test_a_delay_says_when_it_is_expected_and_a_delay_that_grows_says_it_again() -> None:
    paper = Paper().walk(before="deliver-outbound")
    first, planned = ahead(paper, 3), ahead(paper, 1)
    one = report(paper, expected_at=first, planned_at=planned)
    with pytest.raises(Refused, match="reported already"):
        report(paper, name="again", expected_at=first, planned_at=planned)
    report(paper, name="again", expected_at=ahead(paper, 5), planned_at=planned)
    assert paper.state["exceptions"][one]["expected_at"] == first
    assert len(paper.state["exceptions"]) == 2


@pytest.mark.parametrize(("expected", "planned"), [(1, 2), (2, 2), (-1, -2)])
def test_a_new_time_lies_ahead_and_after_the_one_that_was_planned(expected: int, planned: int) -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match="lies after"):
        report(paper, expected_at=ahead(paper, expected), planned_at=ahead(paper, planned))


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"expected_at": "soon"}, "UTC time"), ({"expected_at": "2030-12-02T13:40:00.000000Z"}, "UTC time")],
)
def test_times_of_a_delay_are_times_and_both_are_there(facts: dict[str, str], words: str) -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match=words):
        report(paper, **facts)


def test_only_a_delay_has_a_new_time_and_those_of_before_had_none() -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match="Only a delay"):
        report(paper, "damage", expected_at=ahead(paper, 2), planned_at=ahead(paper, 1))
    identifier = report(paper)
    assert set(paper.state["exceptions"][identifier]) == {"kind", "blocking", "by", "problem"}


def test_a_problem_on_the_road_goes_on_to_the_receipt_and_holds_the_acceptance_until_qa_has_decided() -> None:
    paper = Paper().walk(before="deliver-outbound")
    problem = report(paper)
    paper.walk(after="receive-starting-material")
    paper.commit_readings("outbound")
    with pytest.raises(Refused, match="an exception is open"):
        paper.do("accept-starting-material")
    with pytest.raises(Refused, match="right capacity"):
        paper.close_exception(problem, by=Person("courier", "dispatcher"))
    paper.close_exception(problem, by=QA)
    paper.do("accept-starting-material")


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (Person("maker", "qa"), "signed by a courier or dispatcher"),
        (Person("courier", "operator"), "signed by a courier or dispatcher"),
        (Person("second courier", "courier"), "holds the cells"),
        (Person("payer", "payer_analyst"), "signed by a courier"),
    ],
)
def test_only_the_courier_that_holds_the_cells_reports_a_problem(by: Person, said: str) -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match=said):
        report(paper, by=by)
    assert paper.state["exceptions"] == {}


@pytest.mark.parametrize(("before", "leg"), [("pickup-outbound", "outbound"), ("deliver-outbound", "return")])
def test_a_problem_is_reported_on_the_road_and_for_the_way_that_is_driven(before: str, leg: str) -> None:
    paper = Paper().walk(before=before)
    with pytest.raises(Refused, match="holds the cells on the road|on another way"):
        report(paper, leg=leg)


def test_one_problem_is_open_once_and_only_known_ones_are_reported() -> None:
    paper = Paper().walk(before="deliver-outbound")
    report(paper, "delay")
    report(paper, "seal_broken", name="second")
    with pytest.raises(Refused, match="reported already"):
        report(paper, "delay", name="third")
    with pytest.raises(Refused, match="delay, damage, seal broken or lost"):
        report(paper, "rain", name="fourth")
