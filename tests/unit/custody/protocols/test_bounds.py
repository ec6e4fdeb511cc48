"""Figures that are held to each other: which units compare, what agrees, and who refuses such a document."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import jsonschema
import pytest

from custody.protocols import document
from custody.protocols.bounds import BOUNDS, agrees, reach, relation
from custody.protocols.document import SCHEMA, Bound, Field, ProtocolInvalid
from custody.protocols.units import factor
from tests.unit.custody.contract.paper import CODES, of_format_1, shipped


@pytest.mark.parametrize(
    ("unit", "into", "by"),
    [
        ("mL", "mL", 1),
        ("L", "mL", 1000),
        ("µL", "mL", Fraction(1, 1000)),
        ("min", "h", Fraction(1, 60)),
        ("10⁹ cells", "10⁶ cells", 1000),
        ("10⁶ cells", "10¹⁰ cells", Fraction(1, 10_000)),
        ("10⁶ cells", "cells", 1_000_000),
        ("bags", "bags", 1),
        ("", "", 1),
        ("bags", "vials", None),
        ("mL", "kg", None),
        ("10⁶ cells", "10⁶ cells/kg", None),
        ("10⁶ cells/mL", "10⁶ cells", None),
        ("%", "", None),
    ],
)
def test_units_of_one_measure_are_compared_by_their_factor(unit: str, into: str, by: Any) -> None:
    assert factor(unit, into) == by


def a_field(unit: str = "mL", decimals: int = 0) -> Field:
    return Field("one", "Volume", "decimal", unit, None, None, decimals, (), None, True, False, "")


def held(kind: str, margin: int = 0) -> Bound:
    return Bound(kind, "collect", "volume", margin)


@pytest.mark.parametrize(
    ("bound", "value", "stands", "right"),
    [
        (held("at_most"), "2", "2", True),
        (held("at_most"), "3", "2", False),
        (held("at_least"), "2", "2", True),
        (held("at_least"), "1", "2", False),
        (held("same_as"), "2", "2", True),
        (held("same_as"), "1", "2", False),
        (held("same_as"), "3", "2", False),
        (held("at_most", 20), "240", "200", True),
        (held("at_most", 20), "241", "200", False),
        (held("at_least", 20), "160", "200", True),
        (held("at_least", 20), "159", "200", False),
        (held("same_as", 20), "159", "200", False),
        (held("same_as", 20), "240", "200", True),
        (held("at_most"), "0", "0", True),
        (held("at_most", 50), "1", "0", False),
    ],
)
def test_what_agrees_and_what_does_not(bound: Bound, value: str, stands: str, right: bool) -> None:
    assert agrees(bound, a_field(), value, a_field(), stands) is right
    low, high = reach(bound, a_field(), a_field(), stands)
    assert ((low is None or int(value) >= low) and (high is None or int(value) <= high)) is right


@pytest.mark.parametrize(("entered", "right"), [("2000", True), ("2035", True), ("2051", False), ("2100", False)])
def test_a_figure_says_no_more_than_its_decimals(entered: str, right: bool) -> None:
    coarse, fine = a_field("10⁹ cells", 1), a_field("10⁶ cells", 0)
    assert agrees(held("at_most"), fine, entered, coarse, "2.0") is right
    assert reach(held("at_most"), fine, coarse, "2.0") == (None, 2050)


@pytest.mark.parametrize(("entered", "right"), [("2.0", True), ("2.1", False)])
def test_the_coarser_figure_may_be_the_one_that_is_held(entered: str, right: bool) -> None:
    assert agrees(held("at_most"), a_field("10⁹ cells", 1), entered, a_field("10⁶ cells", 0), "2020") is right


@pytest.mark.parametrize("kind", BOUNDS)
@pytest.mark.parametrize("margin", [0, 20])
def test_each_bound_has_its_own_words(kind: str, margin: int) -> None:
    said = {relation(held(one, each), "“Bags received”") for one in BOUNDS for each in (0, 20)}
    assert len(said) == 6
    assert ("20 %" in relation(held(kind, margin), "“Bags received”")) is bool(margin)


def test_members_with_older_software_refuse_the_document_and_so_its_order() -> None:
    older = copy.deepcopy(SCHEMA)
    for name in BOUNDS:
        del older["$defs"]["field"]["properties"][name]
    document.VALIDATOR.validate(shipped("cd19-fresh"))
    with pytest.raises(jsonschema.ValidationError, match="Additional properties are not allowed"):
        jsonschema.Draft202012Validator(older).validate(shipped("cd19-fresh"))


def test_a_document_of_format_1_holds_no_figure_to_another() -> None:
    content = of_format_1("cd19-fresh")
    collect = next(step for step in content["steps"] if step["code"] == "collect")
    collect["fields"][2]["at_most"] = {"step": "collect", "field": "nucleated-cells"}
    with pytest.raises(ProtocolInvalid, match="“cd3-cells”.* belong to the format needlepoint-protocol/2"):
        document.read(content)


@pytest.mark.parametrize("code", CODES)
def test_the_shipped_protocols_follow_the_product_from_filling_to_infusion(code: str) -> None:
    protocol = document.read(shipped(code))
    counted = {
        (step.code, field.code, bound.step)
        for step in protocol.steps
        for field in step.fields
        for bound in field.bounds
        if field.unit in {"bags", "vials"} and not bound.margin_percent
    }
    unit = "vials" if code == "hsc-edited" else "bags"
    assert {("infuse", unit, "accept-product"), ("accept-product", unit, "fill-and-label")} <= counted


@pytest.mark.parametrize("code", CODES)
def test_what_is_measured_twice_has_a_margin(code: str) -> None:
    """Another counter reads a little more: that is unusual, and recorded."""
    protocol = document.read(shipped(code))
    part_of_another = {"CD34+ cells"}
    exact = [
        field.title
        for step in protocol.steps
        for field in step.fields
        for bound in field.bounds
        if bound.step != step.code and not bound.margin_percent and field.unit not in {"bags", "vials"}
    ]
    assert set(exact) <= part_of_another
