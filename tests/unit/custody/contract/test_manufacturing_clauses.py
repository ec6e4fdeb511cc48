"""What manufacturing adds: the bench, release tests, review and release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from custody.contract.moment import Moment
from ledger.log.contract import Refused
from manufacturing import contract as manufacturing
from tests.unit.custody.contract.paper import CODES, Paper, Person, party


@pytest.mark.parametrize("code", CODES)
def test_the_qp_releases_what_qa_has_reviewed(code: str) -> None:
    paper = Paper(code).walk(after="release")
    assert paper.state["done"]["release"]["person"] != paper.state["done"]["review"]["person"]


def test_whoever_reviewed_does_not_release() -> None:
    paper = Paper().walk(before="release")
    paper.state["done"]["review"]["person"] = str(Person("maker", "qp", "B").signature.person)
    with pytest.raises(Refused, match="reviewed the batch does not release"):
        paper.do("release")


@pytest.mark.parametrize("role", ["qa", "operator", "qc_analyst"])
def test_nobody_but_the_qp_releases(role: str) -> None:
    paper = Paper().walk(before="release")
    with pytest.raises(Refused, match="signed by a qp"):
        paper.do("release", by=Person("maker", role))


def test_the_review_waits_for_every_test() -> None:
    paper = Paper().walk(before="test-sterility")
    with pytest.raises(Refused, match="first comes “Sterility”"):
        paper.do("review")


def test_the_release_waits_for_every_test_even_where_the_document_would_not() -> None:
    paper = Paper().walk(before="release")
    del paper.state["done"]["test-sterility"]
    release = replace(paper.step("release"), after=())
    moment = Moment(paper.state, paper.step_entry("release"), paper.protocol, paper.world)
    with pytest.raises(Refused, match="waits for “Sterility”"):
        manufacturing.released(moment, release)


def test_a_failing_test_is_not_released_without_the_path() -> None:
    paper = Paper().walk(before="test-viability")
    paper.do("test-viability", in_limits=False)
    deviation = paper.open_exception("deviation", step="test-viability")
    paper.close_exception(deviation)
    paper.walk(before="release")
    with pytest.raises(Refused, match="out of specification"):
        paper.do("release")


@pytest.mark.parametrize("leaf", [..., "", "x", "-7", 7, str(2**254)])
def test_a_test_carries_the_leaf_that_its_proof_opens(leaf: Any) -> None:
    paper = Paper().walk(before="test-viability")
    with pytest.raises(Refused, match="test_leaf|proof leaf"):
        paper.do("test-viability", test_leaf=leaf)


def test_nobody_works_on_cells_that_they_do_not_hold() -> None:
    paper = Paper().walk(before="harvest")
    paper.state["custody"]["holder"] = str(party("courier"))
    with pytest.raises(Refused, match="not with your organisation"):
        paper.do("harvest")


def test_a_test_is_not_done_until_it_passes() -> None:
    paper = Paper().walk(before="test-viability")
    paper.do("test-viability", in_limits=False)
    with pytest.raises(Refused, match="already on record"):
        paper.do("test-viability")
