"""What the shared rules say of figures that cannot both be true: at the entry, and after a correction."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from custody.contract.comparing import HeldTo, figures_of
from custody.contract.corrections import CORRECTED
from custody.therapies.values import ValuesRefused, check
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, Paper, Person, good, of_format_1, shipped


def enter(paper: Paper, code: str, **changed: str) -> None:
    """Do a step with other figures than the middle of their limits."""
    step = paper.step(code)
    values = paper.body(step, paper.now)["values"]
    for name, value in changed.items():
        field = step.field(name.replace("_", "-"))
        assert field is not None
        values[field.code] = {"value": value, "unit": field.unit}
    in_limits = all(field.allows(values[field.code]["value"]) for field in step.fields if field.code in values)
    scans = paper.scans(step, int(changed["bags"]) if "bags" in changed else None)
    paper.do(code, values=values, in_limits=in_limits, scans=scans)


def correct(paper: Paper, code: str, in_limits: bool = True, **changed: str) -> None:
    step = paper.step(code)
    fields = {name: step.field(name.replace("_", "-")) for name in changed}
    values = {f.code: {"value": changed[name], "unit": f.unit} for name, f in fields.items() if f}
    body = {"step": code, "n": 1, "reason": "misread", "values": values, "sealed": {}, "in_limits": in_limits}
    paper.record(CORRECTED, body, paper.by(step), second=Person(paper.member_of(step.party), step.roles[0], "Z"))


def test_no_more_bags_are_infused_than_were_received() -> None:
    paper = Paper().walk(before="infuse")
    assert figures_of(paper.state, "accept-product") == {"bags": "2"}
    said = (
        r"^Bags infused cannot be more than “Bags received” in “Accept the product”, 2 bags; 12 bags is not possible\. "
        r"Check the figure\. If the other one is wrong, “Accept the product” is corrected first\.$"
    )
    with pytest.raises(Refused, match=said):
        enter(paper, "infuse", bags="12")
    enter(paper, "infuse", bags="1")
    assert paper.state["status"] == "completed"


def test_no_more_bags_are_received_than_were_filled_and_what_was_certified_is_not_corrected() -> None:
    paper = Paper().walk(before="accept-product")
    paper.commit_readings("return")
    with pytest.raises(
        Refused, match="“Fill and label the bags”, 2 bags; 3 bags.*can no longer be corrected: do not go on"
    ):
        enter(paper, "accept-product", bags="3")


def test_cells_of_one_kind_are_no_more_than_all_cells_of_the_same_step() -> None:
    paper = Paper().walk(before="collect")
    with pytest.raises(Refused, match="CD3.* “Total nucleated cells”, 20 × 10⁹ cells; 20.1 ×.*Check both figures"):
        enter(paper, "collect", nucleated_cells="20", cd3_cells="20.1")
    enter(paper, "collect", nucleated_cells="20", cd3_cells="20.0")


def test_units_are_converted() -> None:
    paper = Paper().walk(before="wash-and-select")
    counted = figures_of(paper.state, "accept-starting-material")["nucleated-cells"]
    assert counted == "31"
    with pytest.raises(Refused, match="50 % above “Total nucleated cells” in “Accept the starting.*, 31 × 10⁹ cells"):
        enter(paper, "wash-and-select", recovered="46600")
    enter(paper, "wash-and-select", recovered="46500")
    assert paper.state["unraised"] == ["wash-and-select"], "it is possible, and out of its own limits"


def test_a_litre_is_a_thousand_millilitres() -> None:
    paper = Paper().walk(before="collect")
    with pytest.raises(Refused, match="“Blood volume processed”, 0.2 L; 255 mL is not possible"):
        enter(paper, "collect", blood_processed="0.2", volume="255")


def test_an_older_document_holds_nothing_to_anything_and_keeps_no_figures() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(before="infuse")
    enter(paper, "infuse", bags="2")
    assert all("figures" not in done for done in paper.state["done"].values())


def test_only_figures_that_are_compared_stand_in_the_state() -> None:
    paper = Paper().walk(after="infuse")
    kept = {code: set(done["figures"]) for code, done in paper.state["done"].items() if "figures" in done}
    assert kept == {
        "collect": {"volume", "nucleated-cells", "cd3-cells", "blood-processed"},
        "accept-starting-material": {"volume", "nucleated-cells"},
        "wash-and-select": {"recovered"},
        "fill-and-label": {"bags"},
        "accept-product": {"bags"},
        "infuse": {"bags"},
    }


def test_a_corrected_figure_is_held_to_what_stands_before_it() -> None:
    paper = Paper().walk(before="pack-outbound")
    with pytest.raises(Refused, match="CD3.* cannot be more than “Total nucleated cells”"):
        correct(paper, "collect", cd3_cells="39")
    with pytest.raises(Refused, match="CD3.* cannot be more than “Total nucleated cells”, 20 ×"):
        correct(paper, "collect", nucleated_cells="20")
    correct(paper, "collect", nucleated_cells="20", cd3_cells="19")
    assert figures_of(paper.state, "collect")["cd3-cells"] == "19"


def test_a_bound_of_what_is_not_corrected_is_not_judged_again() -> None:
    paper = Paper().walk(before="activate")
    correct(paper, "collect", in_limits=False, nucleated_cells="20.5")
    correct(paper, "accept-starting-material", viability="91")
    correct(paper, "collect", blood_processed="11")


def test_a_correction_that_a_later_step_contradicts_is_believed_and_has_to_be_raised() -> None:
    paper = Paper().walk(before="wash-and-select")
    lower = {"nucleated_cells": "20", "cd3_cells": "10"}
    with pytest.raises(Refused, match="agrees with what came later"):
        correct(paper, "collect", **lower)
    correct(paper, "collect", in_limits=False, **lower)
    assert figures_of(paper.state, "collect")["nucleated-cells"] == "20"
    assert paper.state["unraised"] == ["collect"]
    with pytest.raises(Refused, match="“Total nucleated cells” in “Collect the cells”, 20 ×"):
        correct(paper, "accept-starting-material", nucleated_cells="30.1")
    correct(paper, "accept-starting-material", nucleated_cells="19")


def test_a_value_out_of_limits_does_not_hide_the_bound() -> None:
    paper = Paper().walk(before="pack-outbound")
    with pytest.raises(Refused, match="CD3.* cannot be more than"):
        correct(paper, "collect", in_limits=False, cd3_cells="80")
    correct(paper, "collect", in_limits=False, nucleated_cells="90", cd3_cells="80")
    assert figures_of(paper.state, "collect")["nucleated-cells"] == "90"


@pytest.mark.parametrize(("kind", "wrong", "right"), [("at_least", "1", "2"), ("same_as", "1", "2")])
def test_the_other_kinds_are_held_too(kind: str, wrong: str, right: str) -> None:
    content = copy.deepcopy(shipped("cd19-fresh"))
    infuse = next(step for step in content["steps"] if step["code"] == "infuse")
    bags = next(field for field in infuse["fields"] if field["code"] == "bags")
    bags[kind] = bags.pop("at_most")
    paper = Paper(content=content).walk(before="infuse")
    with pytest.raises(Refused, match="“Bags received” in “Accept the product”, 2 bags; 1 bag is not possible"):
        enter(paper, "infuse", bags=wrong)
    enter(paper, "infuse", bags=right)


@pytest.mark.parametrize("code", CODES)
def test_the_operation_and_the_rules_judge_alike(code: str) -> None:
    """Every bound of every shipped protocol, by the form's check on the state as the contract left it."""
    for step in Paper(code).protocol.steps:
        for field in (field for field in step.fields if field.bounds):
            paper = Paper(code).walk(before=step.code)
            if step.kind == "acceptance":
                paper.commit_readings(str(step.leg))
            held_to = HeldTo(paper.state, paper.protocol, step)
            given: dict[str, Any] = {f.code: good(f) for f in step.fields if f.reckoned is None and not f.sensitive}
            most = min(high for high in (one.reach[1] for one in held_to.held(field, given)) if high is not None)
            over = str(most.quantize(field.high) + 1 if field.high and not field.decimals else most + 1)
            sealed = {f.code: good(f) or "x" for f in step.fields if f.sensitive}
            with pytest.raises(ValuesRefused) as refused:
                check(step, given | sealed | {field.code: over}, _reckoned(paper, step.code), held_to)
            with pytest.raises(Refused) as by_rules:
                enter(paper, step.code, **{field.code: over})
            assert refused.value.errors[field.code] == by_rules.value.message


def _reckoned(paper: Paper, code: str) -> dict[str, str]:
    values = paper.body(paper.step(code), paper.now)["values"]
    return {f.code: values[f.code]["value"] for f in paper.step(code).fields if f.reckoned is not None}
