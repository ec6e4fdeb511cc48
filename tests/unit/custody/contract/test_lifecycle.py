"""Ordered, approved, booked, labelled, moved, ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from stdnum.iso7064 import mod_37_2

from custody.contract.items import check_character
from custody.contract.places import began_at, places_begun
from ledger.clock import parse_stamp, stamp
from ledger.ids import derived
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import Paper, Person, of_format_1, order_body, party

COORDINATOR = Person("centre", "coordinator")


@pytest.mark.parametrize("text", ["X004226000001", "A999926ZZZZZZ", "0000000000000", "X007726000042"])
def test_the_check_character_is_that_of_the_standard(text: str) -> None:
    assert check_character(text) == mod_37_2.calc_check_digit(text)


def test_an_order_opens_the_therapy() -> None:
    paper = Paper()
    paper.do("order")
    assert paper.state["status"] == "active"
    assert paper.state["parties"] == {"centre": str(party("centre")), "payer": str(party("payer"))}
    assert set(paper.state["done"]) == {"order"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"consent": False}, "consent"),
        ({"consent": "yes"}, "consent"),
        ({"eligible": ...}, "eligib"),
        ({"payer": str(party("courier"))}, "not a payer"),
        ({"payer": str(party("nobody"))}, "No member"),
        ({"payer": "nobody"}, "identifier"),
        ({"coi": "X0042260000019"}, "check character"),
        ({"coi": "X007726000001" + check_character("X007726000001")}, "another facility"),
        ({"coi": "x"}, "well formed"),
        ({"call_name": ""}, "call_name"),
        ({"patient": "Jane Roe"}, "identifier"),
        ({"identity": {"name": "Jane Roe"}}, "commitment"),
        ({"identity": "Jane Roe"}, "identity"),
        ({"protocol": "00" * 32}, "No such document"),
        ({"protocol": 7}, "by digest"),
        ({"by": Person("maker", "coordinator")}, "Only a treatment centre"),
        ({"by": Person("centre", "nurse")}, "signed by a coordinator or physician"),
    ],
)
def test_an_order_that_is_not_right_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        Paper().do("order", **changes)


def test_a_therapy_begins_with_its_order_and_has_one() -> None:
    paper = Paper()
    with pytest.raises(Refused, match="begins with its order"):
        paper.end()
    paper.do("order")
    with pytest.raises(Refused, match="already ordered"):
        paper.do("order")


def test_an_order_names_a_protocol_and_nothing_else() -> None:
    paper = Paper()
    paper.world.documents["11" * 32] = {"title": "no protocol"}
    with pytest.raises(Refused, match="no protocol"):
        paper.do("order", **order_body("11" * 32))


def test_a_time_in_the_future_is_refused_by_every_witness() -> None:
    paper = Paper()
    entry = paper.step_entry("order")
    ahead = timedelta(minutes=5, seconds=1)
    late = entry._replace(occurred_at=entry.recorded_at + ahead)
    with pytest.raises(Refused, match="future"):
        paper.admit(late)


def test_a_payer_that_declines_ends_the_therapy() -> None:
    paper = Paper().walk(before="payer-approval")
    paper.do("payer-approval", approved=False)
    assert (paper.state["status"], paper.state["ended_reason"]) == ("declined", "payer_declined")
    with pytest.raises(Refused, match="has ended"):
        paper.do("booking")


@pytest.mark.parametrize("approved", [..., "yes", None, 1])
def test_a_payer_says_yes_or_no(approved: Any) -> None:
    paper = Paper().walk(before="payer-approval")
    with pytest.raises(Refused, match="approved|yes or no"):
        paper.do("payer-approval", approved=approved)


def test_a_booking_names_everybody_who_takes_part() -> None:
    paper = Paper().walk(after="booking")
    assert paper.state["parties"]["maker"] == str(party("maker"))
    assert set(paper.state["slots"]) == {slot.code for slot in paper.protocol.slots}


def _without_last(bookings: list[dict[str, str]]) -> object:
    return bookings[:-1]


def _at_another_maker(bookings: list[dict[str, str]]) -> object:
    bookings[3]["party"] = str(party("other maker"))
    return bookings


def _at_a_courier(bookings: list[dict[str, str]]) -> object:
    bookings[2]["party"] = str(party("courier"))
    return bookings


def _at_another_centre(bookings: list[dict[str, str]]) -> object:
    bookings[0]["party"] = str(party("other centre"))
    return bookings


def _backwards(bookings: list[dict[str, str]]) -> object:
    bookings[0]["end"] = bookings[0]["start"]
    return bookings


def _too_late(bookings: list[dict[str, str]]) -> object:
    for booking in bookings[2:]:
        for edge in ("start", "end"):
            booking[edge] = stamp(parse_stamp(booking[edge]) + timedelta(days=10))
    return bookings


def _too_soon(bookings: list[dict[str, str]]) -> object:
    bookings[1]["start"] = bookings[0]["end"]
    return bookings


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_without_last, "every slot"),
        (lambda bookings: bookings[::-1], "every slot"),
        (lambda bookings: "all of them", "list of slots"),
        (lambda bookings: [1, 2], "list of slots"),
        (_at_another_maker, "another organisation"),
        (_at_a_courier, "slot of a manufacturer"),
        (_at_another_centre, "another organisation"),
        (_backwards, "ends before"),
        (_too_late, "the protocol allows"),
        (_too_soon, "the protocol allows"),
    ],
)
def test_a_chain_of_slots_that_does_not_fit_is_refused(spoil: Any, words: str) -> None:
    paper = Paper().walk(before="booking")
    with pytest.raises(Refused, match=words):
        paper.do("booking", bookings=spoil(paper.bookings()))


def test_a_chain_is_moved_as_a_whole_until_the_collection_and_then_the_rest_of_it() -> None:
    paper = Paper().walk(before="collect")
    later = paper.bookings(start=paper.now + timedelta(days=30))
    paper.record("custody.itinerary.moved/v1", {"bookings": later}, COORDINATOR)
    assert paper.state["slots"]["bed"]["start"] == later[-1]["start"]
    paper.walk(after="collect")
    with pytest.raises(Refused, match="“Apheresis” has begun"):
        paper.record("custody.itinerary.moved/v1", {"bookings": paper.bookings()}, COORDINATOR)
    rest = after_what_has_begun(paper)
    paper.record("custody.itinerary.moved/v1", {"bookings": rest}, COORDINATOR)
    assert [paper.state["slots"][one["code"]]["start"] for one in rest] == [one["start"] for one in rest]


def after_what_has_begun(paper: Paper, *, later: timedelta = timedelta(0), **owners: str) -> list[dict[str, str]]:
    """The chain with what has begun as it is booked, and the rest as soon as it may be, or so much later."""
    begun = places_begun(paper.state, paper.protocol)
    names = ("id", "slot", "party", "start", "end")
    found, moment = [], paper.now
    for number, spec in enumerate(paper.protocol.slots):
        if number < begun:
            held = paper.state["slots"][spec.code]
            found.append({"code": spec.code} | {name: held[name] for name in names})
            moment = began_at(paper.state, paper.protocol, spec) + timedelta(minutes=spec.minutes)
            continue
        moment += timedelta(minutes=spec.gap_min_minutes) + (later if number == begun else timedelta(0))
        end = moment + timedelta(minutes=spec.minutes)
        party_ = paper.state["slots"][spec.code]["party"]
        found.append(
            {
                "code": spec.code,
                "id": str(derived("moved", spec.code)),
                "slot": str(derived("other slot", spec.code)),
                "party": str(party(owners[spec.code])) if spec.code in owners else party_,
                "start": stamp(moment),
                "end": stamp(end),
            }
        )
        moment = end
    return found


def move(paper: Paper, bookings: list[dict[str, str]]) -> None:
    paper.record("custody.itinerary.moved/v1", {"bookings": bookings}, COORDINATOR)


@pytest.mark.parametrize(
    ("after", "begun"),
    [
        ("label", 0),
        ("collect", 1),
        ("hand-over-outbound", 1),
        ("pickup-outbound", 2),
        ("accept-starting-material", 2),
        ("wash-and-select", 3),
        ("test-viability", 4),
        ("review", 5),
        ("pickup-return", 6),
        ("clear-lymphodepletion", 6),
        ("lymphodeplete", 7),
    ],
)
def test_a_place_has_begun_once_its_owner_uses_it(after: str, begun: int) -> None:
    paper = Paper().walk(after=after)
    assert places_begun(paper.state, paper.protocol) == begun
    if begun == len(paper.protocol.slots):
        with pytest.raises(Refused, match="has begun, so nothing"):
            move(paper, after_what_has_begun(paper))
    elif begun:
        move(paper, after_what_has_begun(paper))
        assert places_begun(paper.state, paper.protocol) == begun


def test_how_long_the_next_place_may_wait_counts_from_when_the_cells_were_collected() -> None:
    paper = Paper().walk(before="collect")
    paper.do("collect", occurred_at=paper.now + timedelta(days=3))
    late = after_what_has_begun(paper, later=timedelta(hours=8))
    with pytest.raises(Refused, match="the protocol allows"):
        move(paper, late)
    move(paper, after_what_has_begun(paper))


def test_a_pickup_may_follow_the_real_end_of_a_collection_that_was_signed_without_its_start() -> None:
    paper = Paper().walk(before="collect")
    paper.do("collect")
    ended = parse_stamp(paper.state["done"]["collect"]["at"])
    place = paper.protocol.slots[0]
    assert began_at(paper.state, paper.protocol, place) + timedelta(minutes=place.minutes) == ended

    bookings = after_what_has_begun(paper)

    assert parse_stamp(bookings[1]["start"]) == ended + timedelta(minutes=paper.protocol.slots[1].gap_min_minutes)
    move(paper, bookings)


def test_what_readies_a_patient_for_the_collection_uses_no_place_yet() -> None:
    paper = Paper().walk(before="collect")
    label = paper.protocol.step("label")
    assert label is not None
    readied = replace(
        label, code="mobilise", kind="preparation", due=replace(label.due, slot=paper.protocol.slots[0].code)
    )
    protocol = replace(paper.protocol, steps=(*paper.protocol.steps, readied))
    state = paper.state | {"done": paper.state["done"] | {"mobilise": paper.state["done"]["label"]}}

    assert places_begun(state, protocol) == 0


@pytest.mark.parametrize("name", ["id", "slot", "start", "end", "party"])
def test_nothing_of_what_has_begun_is_rewritten(name: str) -> None:
    paper = Paper().walk(after="pickup-outbound")
    bookings = after_what_has_begun(paper)
    bookings[1][name] = bookings[2][name]
    with pytest.raises(Refused, match="has begun"):
        move(paper, bookings)


def test_the_maker_stays_once_the_cells_are_collected_and_a_courier_that_has_not_come_may_change() -> None:
    paper = Paper().walk(after="collect")
    with pytest.raises(Refused, match="another organisation"):
        move(paper, after_what_has_begun(paper, manufacturing="other maker"))
    move(paper, after_what_has_begun(paper, pickup="third courier"))
    assert paper.state["parties"]["courier_outbound"] == str(party("third courier"))
    paper.walk(after="hand-over-outbound")
    with pytest.raises(Refused, match="another organisation"):
        move(paper, after_what_has_begun(paper, pickup="courier"))


def test_a_courier_that_took_over_on_the_way_stays_the_one_that_carries() -> None:
    paper = Paper().walk(after="pickup-outbound")
    paper.state["parties"]["courier_outbound"] = str(party("third courier"))
    move(paper, after_what_has_begun(paper))
    assert paper.state["parties"]["courier_outbound"] == str(party("third courier"))


@pytest.mark.parametrize(
    "by", [Person("maker", "scheduler"), Person("payer", "payer_analyst"), Person("centre", "cell_lab")]
)
def test_others_cannot_move_the_chain(by: Person) -> None:
    paper = Paper().walk(before="collect")
    with pytest.raises(Refused):
        paper.record("custody.itinerary.moved/v1", {"bookings": paper.bookings()}, by)


def test_nothing_is_moved_before_it_is_booked() -> None:
    paper = Paper().walk(before="booking")
    with pytest.raises(Refused, match="Nothing is booked"):
        paper.record("custody.itinerary.moved/v1", {"bookings": paper.bookings()}, COORDINATOR)


def test_a_label_is_reprinted_with_a_reason_only() -> None:
    paper = Paper().walk(before="label")
    nurse = Person("centre", "nurse")
    with pytest.raises(Refused, match="No label was printed"):
        paper.record("custody.label.reprinted/v1", {"reason": "damaged"}, nurse)
    paper.walk(after="label")
    with pytest.raises(Refused, match="reason"):
        paper.record("custody.label.reprinted/v1", {"reason": "because"}, nurse)
    paper.record("custody.label.reprinted/v1", {"reason": "damaged", "copies": 1, "items": ["M01"]}, nurse)
    paper.record("custody.label.reprinted/v1", {"reason": "filled", "copies": 2, "items": ["P01", "C01"]}, nurse)
    assert paper.state["labels"] == 3


def test_labels_of_before_they_named_their_items_are_printed_as_they_were() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(before="label")
    nurse = Person("centre", "nurse")
    paper.do("label", copies=..., items=...)
    paper.record("custody.label.reprinted/v1", {"reason": "damaged"}, nurse)
    paper.record("custody.label.reprinted/v1", {"reason": "damaged", "copies": 3}, nurse)
    assert paper.state["labels"] == 3
    with pytest.raises(Refused, match="reason"):
        paper.record("custody.label.reprinted/v1", {"reason": "filled", "copies": 1, "items": ["P01"]}, nurse)


@pytest.mark.parametrize(
    "items", [None, [], "W01", ["W00"], ["P21"], ["X01"], ["M01", "M01"], ["M1"], [7], ["M01", None], ["M01 "]]
)
def test_a_print_says_which_items_it_is_for(items: object) -> None:
    paper = Paper().walk(after="label")
    body = {"reason": "damaged", "copies": len(items) if isinstance(items, list) else 1, "items": items}
    with pytest.raises(Refused, match="which labels are printed"):
        paper.record("custody.label.reprinted/v1", body, Person("centre", "nurse"))


def test_the_number_of_labels_is_that_of_the_items() -> None:
    paper = Paper().walk(after="label")
    with pytest.raises(Refused, match="not that of the items"):
        paper.record(
            "custody.label.reprinted/v1",
            {"reason": "damaged", "copies": 2, "items": ["M01"]},
            Person("centre", "nurse"),
        )


@pytest.mark.parametrize("copies", [0, 21, "2", True, 1.0])
def test_how_many_labels_were_printed_is_a_whole_number_that_can_be(copies: object) -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(after="label")
    with pytest.raises(Refused, match="how many labels"):
        paper.record("custody.label.reprinted/v1", {"reason": "damaged", "copies": copies}, Person("centre", "nurse"))


@pytest.mark.parametrize(
    ("how", "reason", "by"),
    [
        ("cancelled", "patient_unfit", Person("centre", "physician")),
        ("cancelled", "patient_withdrew", COORDINATOR),
        ("failed", "manufacturing_failed", Person("maker", "qp")),
        ("failed", "identity_lost", Person("centre", "physician")),
    ],
)
def test_a_therapy_is_ended_by_who_may(how: str, reason: str, by: Person) -> None:
    paper = Paper().walk(after="harvest")
    paper.end(how, reason, by)
    assert (paper.state["status"], paper.state["ended_reason"]) == (how, reason)
    with pytest.raises(Refused, match="has ended"):
        paper.do("formulate")


@pytest.mark.parametrize(
    ("how", "reason", "by"),
    [
        ("cancelled", "patient_unfit", Person("maker", "qp")),
        ("cancelled", "manufacturing_failed", Person("centre", "physician")),
        ("cancelled", "patient_unfit", Person("centre", "nurse")),
        ("failed", "manufacturing_failed", Person("maker", "operator")),
        ("failed", "excursion", Person("courier", "courier")),
        ("completed", "patient_unfit", Person("centre", "physician")),
    ],
)
def test_a_therapy_is_not_ended_by_anybody_else(how: str, reason: str, by: Person) -> None:
    paper = Paper().walk(after="harvest")
    with pytest.raises(Refused):
        paper.end(how, reason, by)


def test_an_infused_therapy_is_not_cancelled_and_takes_outcomes_only() -> None:
    paper = Paper().walk(after="infuse")
    with pytest.raises(Refused, match="already ended"):
        paper.end()
    with pytest.raises(Refused, match="only outcomes"):
        paper.do("pack-return")
    paper.do("outcome-day-28")
    assert paper.state["status"] == "completed"


def test_an_outcome_is_recorded_after_the_infusion() -> None:
    paper = Paper().walk(before="infuse")
    with pytest.raises(Refused, match="first comes"):
        paper.do("outcome-day-28")


def test_a_yearly_outcome_is_recorded_every_year() -> None:
    paper = Paper().walk()
    paper.do("outcome-yearly")
    paper.do("outcome-yearly")
    assert paper.state["done"]["outcome-yearly"]["n"] == 3
