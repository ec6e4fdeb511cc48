"""A protocol that could let a mix-up in, or that nobody could work with, is refused with the place named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.protocols import document
from custody.protocols.document import ProtocolInvalid
from custody.protocols.safety import check_new
from tests.unit.custody.contract.paper import shipped

Spoil = Callable[[dict[str, Any]], object]
AGE = "accept-starting-material"
"""The step that holds a reckoned value, as its third field."""


def cd19() -> dict[str, Any]:
    return copy.deepcopy(shipped("cd19-fresh"))


def step(content: dict[str, Any], code: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in content["steps"] if each["code"] == code)
    return found


def without_step(content: dict[str, Any], code: str) -> None:
    """Take a step out and bridge the gap, as somebody would who wants to be rid of it."""
    gone = step(content, code)
    content["steps"].remove(gone)
    for each in content["steps"]:
        if code in each.get("after", []):
            each["after"] = [*(name for name in each["after"] if name != code), *gone.get("after", [])]
    for segment in content["segments"]:
        segment["steps"] = [name for name in segment["steps"] if name != code]
        segment["since"] = [name for name in segment.get("since", []) if name != code]


def change(code: str, /, **members: Any) -> Spoil:
    return lambda content: step(content, code).update(members)


def field(code: str, place: int, /, **members: Any) -> Spoil:
    return lambda content: step(content, code)["fields"][place].update(members)


def bound(code: str, named: str) -> Spoil:
    """Hold the CD3+ cells of the collection to something else."""
    return field("collect", 2, at_most={"step": code, "field": named})


def leg(place: int, /, **members: Any) -> Spoil:
    return lambda content: content["legs"][place].update(members)


def segment(place: int, /, **members: Any) -> Spoil:
    return lambda content: content["segments"][place].update(members)


CASES: dict[str, tuple[Spoil, str]] = {
    "no release": (lambda c: without_step(c, "release"), "exactly one step of the kind “release”"),
    "no review": (lambda c: without_step(c, "review"), "exactly one step of the kind “review”"),
    "no gate": (lambda c: without_step(c, "clear-lymphodepletion"), "exactly one step of the kind “gate”"),
    "no bedside check": (lambda c: without_step(c, "bedside-check"), "exactly one step of the kind “bedside”"),
    "no label": (lambda c: without_step(c, "label"), "exactly one step of the kind “label”"),
    "infused without the gate before": (change("lymphodeplete", after=["accept-product"]), "must come after “clear"),
    "infused without the bedside check before": (change("infuse", after=["lymphodeplete"]), "after “bedside-check”"),
    "gate before the release": (
        change("clear-lymphodepletion", after=["accept-starting-material"]),
        "must come after “release”",
    ),
    "released before a test": (
        lambda c: step(c, "review")["after"].remove("test-sterility"),
        "must come after “test-sterility”",
    ),
    "collected before the label": (change("collect", after=["booking"]), "must come after “label”"),
    "collected before the booking": (change("label", after=["order"]), "must come after “booking”"),
    "a step after nothing": (change("harvest", after=[]), "comes after no other"),
    "a step after a later one": (change("harvest", after=["formulate"]), "must stand earlier"),
    "a step after itself": (change("harvest", after=["harvest"]), "must stand earlier"),
    "no order at the beginning": (lambda c: without_step(c, "order"), "first step"),
    "another step completes": (change("accept-product", completes=True), "completes the therapy"),
    "nothing completes": (change("infuse", completes=False), "completes the therapy"),
    "an optional bedside check": (change("bedside-check", optional=True), "cannot be optional"),
    "an optional test": (change("test-sterility", optional=True), "cannot be optional"),
    "a test until it passes": (change("test-sterility", repeats=True), "only an outcome can be repeated"),
    "collected by one": (change("collect", second_roles=[]), "a second person verifies every collection"),
    "infused by one": (change("infuse", second_roles=[]), "a second person verifies every infusion"),
    "bag not scanned at the bedside": (change("bedside-check", scans=["wristband"]), "the bag has to be scanned"),
    "wristband not scanned": (change("collect", scans=["order", "label"]), "the wristband has to be scanned"),
    "a bedside check without material": (change("bedside-check", material=False), "only a process step"),
    "released by an operator": (change("release", roles=["operator"]), "signed by a qp alone"),
    "released by QP or QA": (change("release", roles=["qp", "qa"]), "signed by a qp alone"),
    "cleared by a nurse": (change("clear-lymphodepletion", roles=["nurse"]), "signed by a physician alone"),
    "a role of another organisation": (change("harvest", roles=["nurse"]), "the maker has no nurse"),
    "a step at the wrong organisation": (change("collect", party="maker"), "is for the centre"),
    "a courier holds a secret": (
        change("deliver-outbound", fields=[{"code": "who", "title": "Who", "kind": "code", "sensitive": True}]),
        "never hold patient data",
    ),
    "a payer writes free text": (
        change("payer-approval", fields=[{"code": "why", "title": "Why", "kind": "text"}]),
        "never hold patient data",
    ),
    "limits the wrong way round": (field("collect", 0, low="500"), "low limit is above"),
    "limits of a choice": (field("test-sterility", 0, low="1"), "only a decimal has limits"),
    "a limit too fine": (field("collect", 0, low="50.5"), "more than 0 decimals"),
    "one choice": (field("test-sterility", 0, choices=["No growth"]), "two different choices"),
    "an expectation that cannot be met": (field("test-sterility", 0, expected="Nothing"), "cannot be expected"),
    "a check that expects maybe": (field("accept-product", 0, expected="maybe"), "cannot be expected"),
    "a test without a limit": (
        change("test-dose", fields=[{"code": "result", "title": "Dose", "kind": "decimal"}]),
        "needs a limit",
    ),
    "a test of two results": (
        lambda c: step(c, "test-dose")["fields"].append({"code": "more", "title": "More", "kind": "check"}),
        "has one field",
    ),
    "a test below nothing": (field("test-dose", 0, low="-1"), "cannot be negative"),
    "a test without its result": (field("test-dose", 0, required=False), "needs its result"),
    "two fields of one code": (field("collect", 1, code="volume"), "two fields"),
    "two steps of one code": (change("formulate", code="harvest"), "Two steps"),
    "two legs of one code": (leg(1, code="outbound"), "Two legs"),
    "a leg that is never delivered": (lambda c: without_step(c, "receive-product"), "Leg “return”"),
    "a leg that begins elsewhere": (leg(0, origin="payer"), "must begin at the payer"),
    "a leg from hand to the same hand": (change("pickup-return", party="maker", roles=["operator"]), "themselves"),
    "a courier that takes the other's place": (change("deliver-return", party="courier_outbound"), "courier_return"),
    "an offer without a leg": (
        change("deliver-return", leg="sideways"),
        "“deliver-return” needs one of the protocol's legs",
    ),
    "a temperature band upside down": (leg(0, low_c="9"), "low temperature"),
    "a silence longer than a proof can say": (leg(0, gap_max_minutes=69), "legs/0/gap_max_minutes"),
    "hard limits inside the band": (leg(0, hard_high_c="7.9"), "outside the band, not inside"),
    "a hard limit too far to prove": (leg(0, hard_high_c="14.02"), "further from the band than the band is wide"),
    "one hard limit alone": (lambda c: c["legs"][0].pop("hard_low_c"), "hard_low_c"),
    "a shock limit past what is recorded": (leg(0, shock_max_g=64), "legs/0/shock_max_g"),
    "a segment in another order": (segment(2, steps=["cryopreserve", "harvest"]), "in another order"),
    "a segment where too many steps meet": (
        lambda c: (
            step(c, "formulate").update(after=["wash-vector"]),
            step(c, "fill-and-label").update(after=["seed-bioreactor", "harvest", "formulate"]),
            step(c, "sample-day-5").update(after=["wash-vector"]),
        ),
        "after more than 2 others at once",
    ),
    "a segment that ends with a step that may be left out": (
        lambda c: (change("outcome-day-28", optional=True)(c), segment(4, steps=["infuse", "outcome-day-28"])(c)),
        "may be judged before “outcome-day-28” is done",
    ),
    "a segment that begins with a stranger": (segment(0, since=["harvest"]), "another order"),
    "a segment that begins with what comes later": (segment(4, since=["outcome-day-28"]), "another order"),
    "a segment that begins with a step of its own": (segment(4, since=["infuse"]), "twice"),
    "vein to vein without the vein": (segment(4, since=[]), "it needs both"),
    "a segment with an outcome that repeats": (segment(4, steps=["infuse", "outcome-yearly"]), "may be repeated"),
    "a segment with a step that is missing": (segment(0, steps=["order", "prayer"]), "“prayer”, which is missing"),
    "a segment that names a step twice": (segment(0, steps=["order", "order"]), "twice"),
    "a segment of a leg that does not span it": (segment(1, steps=["deliver-outbound"]), "must span the leg"),
    "milestones of 110 per cent": (lambda c: c["milestones"][0].update(share_percent=20), "add up to 100"),
    "a milestone of no step": (lambda c: c["milestones"][0].update(step="prayer"), "“prayer”, which is missing"),
    "a stage that is missing": (change("harvest", stage="heaven"), "“heaven”, which the protocol does not have"),
    "a slot that is missing": (lambda c: step(c, "collect")["due"].update(slot="heaven"), "slot “heaven”"),
    "a code too long for a proof": (change("harvest", code="h" * 31), "steps/19/code"),
    "a member that nobody knows": (change("harvest", hurry=True), "hurry"),
    "no steps": (lambda c: c.update(steps=[]), "steps"),
    "another format": (lambda c: c.update(format="needlepoint-protocol/9"), "format"),
    "a number for a limit": (field("collect", 0, low=50), "fields/0/low"),
    "new members in the old format": (lambda c: c.update(format="needlepoint-protocol/1"), "belong to the format"),
    "a plausible range the wrong way round": (field("collect", 0, plausible=["2000", "0"]), "begins above its end"),
    "a limit outside the plausible range": (field("collect", 0, plausible=["60", "2000"]), "limit 50 lies outside"),
    "a plausible range of a yes or no": (field("review", 0, plausible=["0", "1"]), "only a decimal has a plausible"),
    "a plausible range finer than the field": (field("collect", 0, plausible=["0", "2000.5"]), "bound 2000.5 has more"),
    "half a plausible range": (field("collect", 0, plausible=["0"]), "fields/0/plausible"),
    "a halt where nothing is expected": (field("collect", 4, halts=True), "halts where one is expected"),
    "a halt that nobody has to answer": (
        field("review", 0, halts=True, required=False),
        "required and stands in the open",
    ),
    "a halt that nobody may read": (field("review", 0, halts=True, sensitive=True), "required and stands in the open"),
    "a halt by a test's result": (field("test-sterility", 0, halts=True, sensitive=False), "of the kind “test”"),
    "held to a field that is missing": (bound("collect", "prayer"), "which the protocol does not have"),
    "held to a step that is missing": (bound("prayer", "volume"), "which the protocol does not have"),
    "held to a later step": (bound("harvest", "viable-cells"), "need not be done before it"),
    "held to itself": (bound("collect", "cd3-cells"), "not held to itself"),
    "held to another measure": (bound("collect", "blood-processed"), "cannot be compared"),
    "held to a code": (bound("collect", "equipment"), "to another decimal"),
    "held to what is sealed": (
        field("infuse", 1, at_most={"step": "test-dose", "field": "result"}, unit="10⁶ cells"),
        "stand in the open",
    ),
    "held to what may be left out": (
        field("collect", 1, required=False),
        "may be left out",
    ),
    "a courier held to what the centre measured": (
        change(
            "pickup-outbound",
            fields=[
                {"code": "volume", "title": "Volume", "kind": "decimal", "unit": "mL"}
                | {"at_most": {"step": "collect", "field": "volume"}}
            ],
        ),
        "are not told what others measured",
    ),
    "reckoned and held": (
        field(AGE, 2, at_most={"step": "collect", "field": "volume"}),
        "a decimal that somebody enters",
    ),
    "a margin of twice the figure": (
        field("collect", 2, at_most={"step": "collect", "field": "nucleated-cells", "margin_percent": 101}),
        "fields/2/at_most/margin_percent",
    ),
    "reckoned from nowhere": (field(AGE, 2, reckoned={"from": "prayer", "to": AGE}), "from one step to another"),
    "reckoned backwards": (field(AGE, 2, reckoned={"from": AGE, "to": "collect"}), "from one step to another"),
    "reckoned to a later step": (field(AGE, 2, reckoned={"from": "collect", "to": "harvest"}), "“harvest” is not done"),
    "reckoned in litres": (field(AGE, 2, unit="L"), "a decimal in min, h or d"),
    "reckoned and sealed": (field(AGE, 2, sensitive=True), "required and stands in the open"),
    "reckoned in a test": (
        field("test-dose", 0, unit="h", sensitive=False, reckoned={"from": "collect", "to": "test-dose"}),
        "of the kind “test”",
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_protocol_that_is_not_right_is_refused_with_the_place(name: str) -> None:
    spoil, words = CASES[name]
    content = cd19()
    spoil(content)
    with pytest.raises(ProtocolInvalid) as caught:
        document.read(content)
    assert words in caught.value.message


@pytest.mark.parametrize("scans", [[], ["shipper"], ["seal"]])
def test_a_new_document_asks_for_a_scan_wherever_the_patients_material_is_handled(scans: list[str]) -> None:
    content = cd19()
    change("transduce", scans=scans)(content)
    with pytest.raises(ProtocolInvalid, match="“transduce” handles the patient's material"):
        check_new(document.read(content))


def test_a_step_without_the_patients_material_needs_no_scan() -> None:
    content = cd19()
    change("transduce", scans=[], material=False)(content)
    check_new(document.read(content))


def test_the_examples_begin_from_a_protocol_that_is_right() -> None:
    assert document.read(cd19()).code == "cd19-fresh"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_document_with_anything_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    content = cd19()
    place: Any = content
    while True:
        name = data.draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1))
        if not isinstance(place[name], dict | list) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.text(max_size=40), st.sampled_from(["order", "infuse", "0"])
        )
    )
    try:
        document.read(content)
    except ProtocolInvalid as refusal:
        message = refusal.message
        assert 10 < len(message) < 600
