"""Correcting a value of a step: what the shared rules admit and what they refuse."""

from __future__ import annotations

import pytest

from custody.contract.corrections import CORRECTED
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, COMMITMENT, Paper, Person, good

STEP = "wash-and-select"


def _paper(until: str, code: str = "cd19-fresh") -> Paper:
    paper = Paper(code)
    paper.walk(before=until)
    return paper


def _body(paper: Paper, code: str = STEP, **changes):
    field = next(one for one in paper.step(code).fields if not one.sensitive)
    body = {
        "step": code,
        "n": 1,
        "reason": "typing_error",
        "values": {field.code: {"value": good(field), "unit": field.unit}},
        "sealed": {},
        "in_limits": True,
    }
    return body | changes


def _correct(paper: Paper, body, *, by=None, second=None):
    step = paper.step(body["step"])
    by = by or paper.by(step)
    second = second if second is not None else Person(paper.member_of(step.party), step.roles[0], "Z")
    paper.record(CORRECTED, body, by, second=second)


def test_a_value_is_corrected_by_two_people_of_the_step() -> None:
    paper = _paper("activate")
    before = dict(paper.state["done"][STEP])
    _correct(paper, _body(paper))
    assert paper.state["done"][STEP] == before, "what the proof speaks of stays"
    assert paper.state["unraised"] == []


def test_a_corrected_value_out_of_limits_waits_for_its_exception() -> None:
    paper = _paper("activate")
    field = next(one for one in paper.step(STEP).fields if one.low is not None)
    wrong = {"value": str(field.low - 1), "unit": field.unit}
    with pytest.raises(Refused, match="say it truly"):
        _correct(paper, _body(paper, values={field.code: wrong}))
    _correct(paper, _body(paper, values={field.code: wrong}, in_limits=False))
    assert paper.state["unraised"] == [STEP]
    assert paper.state["done"][STEP]["ok"] is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": {}}, "at least one value"),
        ({"values": {"shoe-size": {"value": "43", "unit": ""}}}, "no such field"),
        ({"values": {}, "sealed": {"cd3-purity": COMMITMENT}}, "not recorded in this way"),
        ({"reason": "mood"}, "known reasons"),
        ({"n": 2}, "done again"),
        ({"in_limits": "yes"}, "truly"),
        ({"step": "activate"}, "not on record yet"),
        ({"step": "payer-approval"}, "is not corrected"),
        ({"step": "no-such-step"}, "no step"),
    ],
)
def test_what_is_no_correction_is_refused(changes, words) -> None:
    paper = _paper("activate")
    body = _body(paper) | changes
    step = paper.step(STEP)
    with pytest.raises(Refused, match=words):
        paper.record(CORRECTED, body, paper.by(step), second=Person(paper.member_of("maker"), step.roles[0], "Z"))


def test_who_corrects_and_who_verifies() -> None:
    paper = _paper("activate")
    step = paper.step(STEP)
    me = paper.by(step)
    with pytest.raises(Refused, match="somebody else"):
        _correct(paper, _body(paper), second=me)
    with pytest.raises(Refused, match="signed by"):
        _correct(paper, _body(paper), by=Person(me.member, "qc_analyst"))
    with pytest.raises(Refused, match="another organisation"):
        _correct(paper, _body(paper), by=Person("other maker", step.roles[0]))
    with pytest.raises(Refused, match="second person"):
        paper.record(CORRECTED, _body(paper), me)


@pytest.mark.parametrize("code", CODES)
def test_what_was_certified_tested_or_infused_stays(code) -> None:
    paper = Paper(code)
    release = paper.protocol.step_of_kind("release")
    process = next(
        one for one in paper.protocol.steps if one.kind == "process" and any(not f.sensitive for f in one.fields)
    )
    test = next(one for one in paper.protocol.steps if one.kind == "test")
    paper.walk(before=release.code)
    with pytest.raises(Refused, match="is not corrected"):
        _correct(paper, _body(paper, process.code) | {"step": test.code})
    _correct(paper, _body(paper, process.code))
    paper.do(release.code)
    with pytest.raises(Refused, match="decided on"):
        _correct(paper, _body(paper, process.code))
