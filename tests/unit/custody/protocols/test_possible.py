"""Figures that cannot be true are refused, by the form and by the shared rules; those out of limits are recorded."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from custody.protocols import document
from custody.protocols.document import Field
from custody.protocols.possible import possible, why_impossible
from custody.therapies.values import ValuesRefused, check
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, Paper, good, of_format_1, shipped


def a_field(**members: Any) -> Field:
    content = copy.deepcopy(shipped("cd19-fresh"))
    step = next(each for each in content["steps"] if each["code"] == "wash-and-select")
    step["fields"] = [{"code": "one", "title": "Volume", "kind": "decimal", "decimals": 1} | members]
    found = document.read(content).step("wash-and-select")
    assert found is not None
    return found.fields[0]


@pytest.mark.parametrize(
    ("members", "value", "said"),
    [
        (
            {"unit": "L", "plausible": ["0", "20"]},
            "-3",
            "Volume is from 0 to 20 L; −3 is not possible. Check the figure.",
        ),
        (
            {"unit": "L", "plausible": ["0", "20"]},
            "20.1",
            "Volume is from 0 to 20 L; 20.1 is not possible. Check the figure.",
        ),
        ({"unit": "L"}, "-3", "Volume is not below 0 L; −3 is not possible. Check the figure."),
        ({"unit": "%"}, "250", "Volume is from 0 to 100 %; 250 is not possible. Check the figure."),
        ({"unit": "%"}, "-0.1", "Volume is from 0 to 100 %; −0.1 is not possible. Check the figure."),
        ({"unit": "°C"}, "5000", "Volume is from −273.15 to 200 °C; 5000 is not possible. Check the figure."),
        ({"unit": "10⁶ cells"}, "-1", "Volume is not below 0 × 10⁶ cells; −1 is not possible. Check the figure."),
        ({"plausible": ["0", "14"]}, "15", "Volume is from 0 to 14; 15 is not possible. Check the figure."),
    ],
)
def test_an_impossible_figure_is_named_with_what_is_possible(members: dict[str, Any], value: str, said: str) -> None:
    assert why_impossible(a_field(**members), value) == said


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ({"unit": "L", "plausible": ["0", "20"]}, "20"),
        ({"unit": "L", "plausible": ["-5", "20"]}, "-3"),
        ({"unit": "%"}, "100"),
        ({"unit": "%", "low": "70", "high": "120"}, "110"),
        ({"unit": "%", "plausible": ["0", "150"]}, "104.5"),
        ({"unit": "mV", "low": "-90", "high": "-40"}, "-60"),
        ({"unit": "°C"}, "-196"),
        ({}, "-3"),
    ],
)
def test_what_is_possible_is_recorded_and_judged_by_its_limits(members: dict[str, Any], value: str) -> None:
    assert why_impossible(a_field(**members), value) == ""


@pytest.mark.parametrize("code", CODES)
def test_in_the_shipped_protocols_every_figure_has_a_floor(code: str) -> None:
    fields = [field for step in document.read(shipped(code)).steps for field in step.fields if field.kind == "decimal"]
    assert [field.title for field in fields if possible(field)[0] is None] == []


def test_the_form_refuses_it_also_under_an_older_document() -> None:
    step = document.read(of_format_1("cd19-fresh")).step("collect")
    assert step is not None
    given = {field.code: good(field) for field in step.fields if not field.sensitive}
    with pytest.raises(ValuesRefused) as refused:
        check(step, given | {"volume": "-3"})
    assert refused.value.errors == {
        "volume": "Collected volume is not below 0 mL; −3 is not possible. Check the figure."
    }


def test_the_shared_rules_refuse_it_and_admit_it_under_an_older_document() -> None:
    wrong = {"volume": {"value": "-3", "unit": "mL"}}
    paper = Paper().walk(before="collect")
    values = paper.body(paper.step("collect"), paper.now)["values"] | wrong
    with pytest.raises(Refused, match="Collected volume is from 0 to 2000 mL; −3 is not possible"):
        paper.do("collect", values=values, in_limits=False)
    older = Paper(content=of_format_1("cd19-fresh")).walk(before="collect")
    older.do("collect", values=values, in_limits=False)
    assert older.state["unraised"] == ["collect"]
