"""A value that follows from the records is what they say, whoever enters it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from custody.contract.corrections import CORRECTED
from custody.contract.reckoning import reckoned_values
from custody.therapies.values import ValuesRefused, check
from ledger.clock import parse_stamp
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import Paper, Person, good, of_format_1

STEP = "accept-starting-material"


def at_the_door(hours: float, content: dict | None = None) -> Paper:
    """Received so many hours after the end of the collection, with the readings on record."""
    paper = Paper(content=content).walk(before="receive-starting-material")
    collected = parse_stamp(paper.state["done"]["collect"]["at"])
    paper.do("receive-starting-material", occurred_at=collected + timedelta(hours=hours))
    if paper.state["unraised"]:
        paper.open_exception("deviation", step="receive-starting-material", by=Person("maker", "qa"))
        paper.close_exception(next(iter(paper.state["exceptions"])), by=Person("maker", "qa"))
    paper.commit_readings("outbound")
    return paper


def entered(paper: Paper, age: str, **more: object) -> None:
    values = paper.body(paper.step(STEP), paper.now)["values"] | {"age": {"value": age, "unit": "h"}}
    paper.do(STEP, values=values, **more)


@pytest.mark.parametrize(("hours", "age"), [(31.25, "31.3"), (31, "31"), (72, "72"), (72 + 1 / 3600, "72.1")])
def test_the_age_at_receipt_is_the_time_since_the_end_of_the_collection_rounded_up(hours: float, age: str) -> None:
    paper = at_the_door(hours)
    assert reckoned_values(paper.state, paper.step(STEP), ended=paper.now) == {"age": age}


def test_an_age_that_the_records_contradict_is_refused_and_the_right_one_is_said() -> None:
    paper = at_the_door(31.25)
    with pytest.raises(Refused, match=r"“Age of the cells at receipt” follows from the records: it is 31.3 h, not 3 h"):
        entered(paper, "3")
    entered(paper, "31.3")


def test_cells_that_came_too_old_are_out_of_limits_whatever_is_declared() -> None:
    paper = at_the_door(73)
    with pytest.raises(Refused, match="out of limits, but the record says"):
        entered(paper, "73")
    entered(paper, "73", in_limits=False)
    assert paper.state["unraised"] == [STEP]


def test_what_is_reckoned_is_not_corrected() -> None:
    paper = at_the_door(31)
    paper.do(STEP)
    values = {"age": {"value": "30", "unit": "h"}}
    body = {"step": STEP, "n": 1, "reason": "misread", "values": values, "sealed": {}, "in_limits": True}
    with pytest.raises(Refused, match="follows from the records and is not corrected"):
        paper.record(CORRECTED, body, Person("maker", "operator"), second=Person("maker", "qa"))


def test_under_an_older_document_the_age_is_what_was_entered() -> None:
    paper = at_the_door(31, of_format_1("cd19-fresh"))
    entered(paper, "3")


def test_nobody_has_to_enter_it_and_nobody_enters_another() -> None:
    paper = at_the_door(31.25)
    step = paper.step(STEP)
    given = {field.code: good(field) for field in step.fields if field.code != "age"}
    follows = reckoned_values(paper.state, step, ended=paper.now)
    assert check(step, given, follows).values["age"] == "31.3"
    assert check(step, given | {"age": "31.30"}, follows).values["age"] == "31.3"
    with pytest.raises(ValuesRefused) as refused:
        check(step, given | {"age": "12"}, follows)
    assert "it is 31.3 h, not 12 h" in refused.value.errors["age"]
