"""A step that took too long, or began too long after the one before it, is judged when it is signed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custody.compliance.specification import segment_spec, steps_of
from custody.contract import ready_steps
from custody.contract.times import findings_of_times, wait_before
from ledger.clock import parse_stamp
from ledger.log.contract import Refused
from ledger.proofs.statement import SegmentWitness, StepWitness
from ledger.proofs.violations import violations
from tests.unit.custody.contract.paper import CODES, Paper, of_format_1

MINUTE = timedelta(minutes=1)


def ended(paper: Paper, code: str):
    return parse_stamp(paper.state["done"][code]["at"])


def begin(paper: Paper, code: str, after: str, wait: timedelta) -> None:
    """Do a step that begins so long after another ended, and takes half an hour."""
    paper.do(code, occurred_at=ended(paper, after) + wait + 30 * MINUTE)


def test_a_step_begun_after_its_longest_wait_has_to_be_raised_before_anything_is_released() -> None:
    paper = Paper().walk(before="activate")
    begin(paper, "activate", "wash-and-select", 240 * MINUTE + timedelta(seconds=1))
    assert paper.state["unraised"] == ["activate"]
    assert paper.state["done"]["activate"]["ok"], "its values are in limits"
    paper.open_exception("deviation", step="activate")
    assert paper.state["unraised"] == []


def test_no_step_that_an_exception_holds_goes_on_while_nobody_says_that_one_was_late() -> None:
    paper = Paper().walk(before="deliver-outbound")
    begin(paper, "deliver-outbound", "pickup-outbound", 3601 * MINUTE)
    paper.do("receive-starting-material")
    paper.commit_readings("outbound")
    with pytest.raises(Refused, match="“Deliver to the maker” was out of limits, and no exception says so yet"):
        paper.do("accept-starting-material")


def test_a_step_begun_on_the_last_second_is_in_time() -> None:
    paper = Paper().walk(before="activate")
    begin(paper, "activate", "wash-and-select", 240 * MINUTE)
    assert paper.state["unraised"] == []


def test_a_step_that_took_too_long_has_to_be_raised() -> None:
    paper = Paper().walk(before="wash-vector")
    paper.do("wash-vector", occurred_at=paper.now + 400 * MINUTE, started_at=paper.state["done"]["transduce"]["at"])
    assert paper.state["unraised"] == ["wash-vector"]


def test_the_finding_names_the_wait_its_limit_and_what_was_measured() -> None:
    paper = Paper().walk(before="activate")
    started = ended(paper, "wash-and-select") + 301 * MINUTE
    found = findings_of_times(
        paper.state, paper.protocol, paper.step("activate"), started=started, ended=started + 500 * MINUTE
    )
    assert found == [
        "Activate with anti-CD3/CD28 beads took 8 h 20 min, 4 h allowed",
        "Activate with anti-CD3/CD28 beads began 5 h 1 min after “Wash and select T cells” ended, 4 h allowed",
    ]


def test_a_step_that_begins_before_the_one_before_it_ended_is_refused() -> None:
    paper = Paper().walk(before="activate")
    with pytest.raises(Refused, match="cannot start before “Wash and select T cells” ended"):
        begin(paper, "activate", "wash-and-select", -MINUTE)


def test_a_step_of_no_segment_waits_for_nothing() -> None:
    paper = Paper().walk(before="outcome-month-6")
    assert wait_before(paper.state, paper.protocol, paper.step("outcome-month-6")) is None
    assert wait_before(paper.state, paper.protocol, paper.step("order")) is None


def test_the_first_step_of_a_segment_waits_for_the_step_with_which_it_begins() -> None:
    paper = Paper().walk(before="pack-return")
    wait = wait_before(paper.state, paper.protocol, paper.step("pack-return"))
    assert wait is not None
    assert (wait.before, wait.longest) == ("release", 20160 * MINUTE)


def test_under_an_older_document_a_late_step_is_admitted_as_it_was() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(before="activate")
    begin(paper, "activate", "wash-and-select", 300 * MINUTE)
    assert paper.state["unraised"] == []


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(code=st.sampled_from(CODES), data=st.data())
def test_what_is_judged_at_signing_is_what_the_proof_judges(code: str, data: st.DataObject) -> None:
    paper = Paper(code, content=of_format_1(code)).walk(before="payer-approval")
    late = data.draw(
        st.sets(st.sampled_from([step.code for step in paper.protocol.steps if step.kind != "order"]), max_size=6)
    )
    found = {}
    while ready := [one for one in ready_steps(paper.state, paper.protocol) if one.step.kind != "outcome"]:
        step = ready[0].step
        if step.kind == "acceptance":
            paper.commit_readings(str(step.leg))
        at = paper.next_time(step) + (step.wait_max_minutes * MINUTE if step.code in late else 0 * MINUTE)
        entry = paper.step_entry(step.code, occurred_at=at)
        times = {"started": parse_stamp(entry.body["started_at"]), "ended": at}
        found[step.code] = bool(findings_of_times(paper.state, paper.protocol, step, **times))
        paper.admit(entry)
    for segment in paper.protocol.segments:
        broken = violations(segment_spec(paper.protocol, segment), witness(paper, segment))
        said = {one.subject for one in broken if one.rule in {"step.wait", "step.duration"}} - set(segment.since)
        steps = [step.code for step in steps_of(paper.protocol, segment) if step.code not in segment.since]
        assert said == {step for step in steps if found.get(step)}


def witness(paper: Paper, segment) -> SegmentWitness:
    """The segment's steps, as the record says when they began and ended; nothing else of it is looked at."""
    done = paper.state["done"]
    steps = tuple(
        StepWitness(
            code=step.code,
            start=int(parse_stamp(done[step.code]["start"]).timestamp()),
            end=int(parse_stamp(done[step.code]["at"]).timestamp()),
            document=bytes(32),
            salt=1,
            performer=paper.subject,
            verifier=None,
        )
        for step in steps_of(paper.protocol, segment)
        if step.code in done
    )
    return SegmentWitness(therapy=paper.subject, steps=steps, tests=(), readings=None)
