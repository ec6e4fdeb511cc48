"""Who holds the cells, and how they change hands."""

from __future__ import annotations

from typing import Any

import pytest

from custody.contract.custody_chain import KEPT
from ledger.ids import derived
from ledger.log.contract import Refused
from tests.unit.custody.contract.paper import CODES, Paper, Person, of_format_1, party

COURIER = Person("courier", "courier", "B")
"""Who picks up; `COLLEAGUE` drives for the same courier."""
COLLEAGUE = Person("courier", "courier", "A")
DISPATCHER = Person("courier", "dispatcher", "C")
THIRD = Person("third courier", "courier", "T")


def transfer(paper: Paper, *, to: str = "third courier", by: Person = COURIER, **changes: Any) -> str:
    handoff = str(derived("transfer", len(paper.entries)))
    body = {"handoff": handoff, "to": str(party(to)), "seal": paper.state["custody"]["seal"], "personal": True}
    body = {name: value for name, value in (body | changes).items() if value is not ...}
    paper.record("custody.transfer.offered/v1", body, by)
    return handoff


def take_over(paper: Paper, handoff: str, *, by: Person = THIRD, **changes: Any) -> None:
    body = {"handoff": handoff, "seal": paper.state["custody"]["seal"]} | changes
    paper.record("custody.transfer.accepted/v1", body, by)


def refuse(paper: Paper, *, by: Person, handoff: str = "", reason: str = "damaged") -> None:
    body = {"handoff": handoff or paper.state["custody"]["offer"]["id"], "reason": reason}
    paper.record("custody.handoff.refused/v1", body, by)


@pytest.mark.parametrize("code", CODES)
def test_the_cells_go_from_hand_to_hand_and_back(code: str) -> None:
    holders = []
    paper = Paper(code)
    for step in ("collect", "pickup-outbound", "receive-starting-material", "pickup-return", "receive-product"):
        paper.walk(after=step)
        holders.append(paper.state["custody"]["holder"])
    expected = ("centre", "courier", "maker", "second courier", "centre")
    assert holders == [str(party(name)) for name in expected]
    assert paper.state["custody"]["leg"] is None


def test_only_the_receiver_named_by_the_offer_accepts() -> None:
    paper = Paper().walk(before="pickup-outbound")
    with pytest.raises(Refused, match="another organisation"):
        paper.do("pickup-outbound", by=Person("second courier", "courier", "B"))


def test_nobody_accepts_a_hand_over_that_they_offered() -> None:
    paper = Paper().walk(before="receive-starting-material")
    paper.state["custody"]["offer"]["person"] = str(Person("maker", "operator", "B").signature.person)
    with pytest.raises(Refused, match="that they offered"):
        paper.do("receive-starting-material")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seal": "SEAL-other"}, "seal is not the one"),
        ({"handoff": str(party("nobody"))}, "no such open hand-over"),
        ({"handoff": "one"}, "identifier"),
        ({"seal": ...}, "says nothing"),
    ],
)
def test_a_hand_over_is_accepted_as_it_was_offered(changes: dict[str, Any], words: str) -> None:
    paper = Paper().walk(before="pickup-outbound")
    with pytest.raises(Refused, match=words):
        paper.do("pickup-outbound", **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": str(party("second courier"))}, "another organisation"),
        ({"seal": "SEAL-other"}, "seal is not the one"),
        ({"to": "courier"}, "identifier"),
    ],
)
def test_a_hand_over_is_offered_to_who_is_booked_with_the_seal_that_was_set(
    changes: dict[str, Any], words: str
) -> None:
    paper = Paper().walk(before="hand-over-outbound")
    with pytest.raises(Refused, match=words):
        paper.do("hand-over-outbound", **changes)


def test_there_is_one_open_offer_at_a_time() -> None:
    paper = Paper().walk(before="deliver-outbound")
    transfer(paper)
    with pytest.raises(Refused, match="already open"):
        paper.do("deliver-outbound")
    with pytest.raises(Refused, match="already open"):
        transfer(paper)


def test_a_refused_hand_over_is_offered_again_and_counted() -> None:
    paper = Paper().walk(before="pickup-outbound")
    refuse(paper, by=COURIER)
    assert paper.state["custody"]["holder"] == str(party("centre"))
    assert "hand-over-outbound" not in paper.state["done"]
    paper.walk(after="pickup-outbound")
    assert paper.state["done"]["hand-over-outbound"]["n"] == 2
    assert paper.state["custody"]["holder"] == str(party("courier"))


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (Person("second courier", "courier"), "another organisation"),
        (Person("courier", "payer_analyst"), "signed by a courier"),
    ],
)
def test_only_the_receiver_refuses(by: Person, words: str) -> None:
    paper = Paper().walk(before="pickup-outbound")
    with pytest.raises(Refused, match=words):
        refuse(paper, by=by)


def test_what_was_not_offered_is_not_refused() -> None:
    paper = Paper().walk(before="hand-over-outbound")
    with pytest.raises(Refused, match="no such open hand-over"):
        refuse(paper, by=COURIER, handoff=str(party("nobody")))


def test_couriers_pass_the_cells_on_and_the_last_one_delivers() -> None:
    paper = Paper().walk(before="deliver-outbound")
    take_over(paper, transfer(paper))
    assert paper.state["custody"]["holder"] == str(party("third courier"))
    with pytest.raises(Refused, match="another organisation"):
        paper.do("deliver-outbound", by=COURIER)
    paper.walk(after="accept-starting-material")
    assert paper.state["custody"]["holder"] == str(party("maker"))
    assert paper.state["parties"]["courier_return"] == str(party("second courier"))


def test_a_transfer_is_taken_over_by_the_courier_that_it_was_offered_to() -> None:
    paper = Paper().walk(before="deliver-outbound")
    handoff = transfer(paper)
    with pytest.raises(Refused, match="another organisation"):
        take_over(paper, handoff, by=Person("second courier", "courier"))


def test_a_refused_transfer_leaves_the_protocol_as_it_was() -> None:
    paper = Paper().walk(before="deliver-outbound")
    transfer(paper)
    refuse(paper, by=THIRD)
    paper.walk(after="receive-starting-material")
    assert paper.state["undone"] == {}


def test_a_step_of_the_protocol_is_not_accepted_as_a_transfer() -> None:
    paper = Paper().walk(before="pickup-outbound")
    with pytest.raises(Refused, match="step of the protocol"):
        take_over(paper, paper.state["custody"]["offer"]["id"], by=Person("courier", "courier", "B"))


@pytest.mark.parametrize(
    ("to", "by", "words"),
    [
        ("other maker", COURIER, "between couriers only"),
        ("third courier", Person("centre", "cell_lab"), "between couriers only"),
        ("third courier", Person("second courier", "courier"), "holds the cells"),
        ("third courier", Person("courier", "payer_analyst"), "signed by a courier"),
    ],
)
def test_a_transfer_is_between_couriers_and_by_the_holder(to: str, by: Person, words: str) -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match=words):
        transfer(paper, to=to, by=by)


def test_a_colleague_of_the_same_courier_takes_over_and_both_people_are_on_record() -> None:
    paper = Paper().walk(before="deliver-outbound")
    take_over(paper, transfer(paper, to="courier"), by=COLLEAGUE)
    offered, accepted = paper.entries[-2:]
    assert offered.signer.person != accepted.signer.person
    assert paper.state["custody"]["holder"] == str(party("courier"))
    assert paper.state["custody"]["offer"] is None
    paper.do("deliver-outbound", by=COLLEAGUE)


def test_nobody_takes_over_within_a_courier_what_they_offered_or_with_another_seal() -> None:
    paper = Paper().walk(before="deliver-outbound")
    handoff = transfer(paper, to="courier")
    with pytest.raises(Refused, match="that they offered"):
        take_over(paper, handoff, by=COURIER)
    with pytest.raises(Refused, match="seal is not the one"):
        take_over(paper, handoff, by=COLLEAGUE, seal="another")
    with pytest.raises(Refused, match="another organisation"):
        take_over(paper, handoff, by=THIRD)
    with pytest.raises(Refused, match="signed by"):
        take_over(paper, handoff, by=Person("courier", "payer_analyst", "B"))


def test_a_step_of_the_protocol_is_never_offered_to_oneself() -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match="another organisation"):
        paper.do("deliver-outbound", to=str(party("courier")))


def test_a_courier_keeps_what_its_own_people_did_not_take_and_nobody_else_does() -> None:
    paper = Paper().walk(before="deliver-outbound")
    transfer(paper)
    with pytest.raises(Refused, match="Only who holds"):
        refuse(paper, by=THIRD, reason=KEPT)
    refuse(paper, by=THIRD)
    transfer(paper, to="courier")
    refuse(paper, by=COURIER, reason=KEPT)
    assert paper.state["custody"]["offer"] is None
    assert paper.state["custody"]["holder"] == str(party("courier"))
    paper.walk(after="receive-starting-material")


def test_only_who_picked_up_delivers_and_a_colleague_takes_over_first() -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match="Take it over first"):
        paper.do("deliver-outbound", by=COLLEAGUE)
    take_over(paper, transfer(paper, to="courier"), by=COLLEAGUE)
    with pytest.raises(Refused, match="Take it over first"):
        paper.do("deliver-outbound", by=COURIER)
    paper.do("deliver-outbound", by=COLLEAGUE)


def test_a_refused_delivery_leaves_the_shipper_with_who_offered_it() -> None:
    paper = Paper().walk(before="receive-starting-material")
    refuse(paper, by=Person("maker", "operator", "B"))
    with pytest.raises(Refused, match="Take it over first"):
        paper.do("deliver-outbound", by=COLLEAGUE)
    paper.do("deliver-outbound", by=COURIER)


def test_only_who_holds_a_shipper_passes_it_on_or_keeps_it_and_the_dispatcher_where_they_cannot() -> None:
    paper = Paper().walk(before="deliver-outbound")
    for to in ("courier", "third courier"):
        with pytest.raises(Refused, match="Take it over first"):
            transfer(paper, to=to, by=COLLEAGUE)
    handoff = transfer(paper, to="courier", by=DISPATCHER)
    with pytest.raises(Refused, match="Take it over first"):
        refuse(paper, by=COLLEAGUE, reason=KEPT)
    refuse(paper, by=DISPATCHER, reason=KEPT)
    handoff = transfer(paper, to="courier", by=DISPATCHER)
    take_over(paper, handoff, by=COLLEAGUE)
    paper.do("deliver-outbound", by=COLLEAGUE)


def test_in_the_holders_place_a_dispatcher_offers_to_a_colleague_alone() -> None:
    paper = Paper().walk(before="deliver-outbound")
    with pytest.raises(Refused, match="Take it over first"):
        transfer(paper, to="third courier", by=DISPATCHER)


def test_nobody_takes_over_what_they_hold() -> None:
    paper = Paper().walk(before="deliver-outbound")
    handoff = transfer(paper, to="courier", by=DISPATCHER)
    with pytest.raises(Refused, match="have this shipper already"):
        take_over(paper, handoff, by=COURIER)
    take_over(paper, handoff, by=COLLEAGUE)


def test_custody_is_nobodys_in_person_once_it_is_delivered_and_personal_again_on_the_way_back() -> None:
    paper = Paper().walk(after="receive-starting-material")
    assert "person" not in paper.state["custody"]
    paper.walk(after="pickup-return")
    assert paper.state["custody"]["person"] == str(Person("second courier", "courier", "B").signature.person)
    with pytest.raises(Refused, match="Take it over first"):
        paper.do("deliver-return", by=Person("second courier", "courier"))


def test_what_was_recorded_before_custody_was_personal_stays_admitted() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(before="hand-over-outbound")
    paper.do("hand-over-outbound", personal=...)
    paper.do("pickup-outbound")
    assert not {"person", "personal"} & set(paper.state["custody"])
    paper.do("deliver-outbound", by=COLLEAGUE, personal=...)


def test_from_the_first_personal_hand_over_on_nobody_leaves_that_out() -> None:
    paper = Paper(content=of_format_1("cd19-fresh")).walk(before="hand-over-outbound")
    paper.do("hand-over-outbound", personal=...)
    paper.do("pickup-outbound")
    take_over(paper, transfer(paper, to="courier", by=COLLEAGUE), by=COURIER)
    take_over(paper, transfer(paper, to="courier", personal=...), by=COLLEAGUE)
    with pytest.raises(Refused, match="Take it over first"):
        paper.do("deliver-outbound", by=COURIER, personal=...)


def test_under_a_newer_protocol_no_hand_over_leaves_out_that_custody_is_personal() -> None:
    paper = Paper().walk(before="hand-over-outbound")
    with pytest.raises(Refused, match="only older protocols"):
        paper.do("hand-over-outbound", personal=...)


@pytest.mark.parametrize("given", [False, None, "yes", 1])
def test_custody_is_personal_or_nothing_is_said_of_it(given: Any) -> None:
    paper = Paper().walk(before="hand-over-outbound")
    with pytest.raises(Refused, match="personal"):
        paper.do("hand-over-outbound", personal=given)


def test_an_identity_stop_halts_hand_overs_too() -> None:
    paper = Paper().walk(before="deliver-outbound")
    handoff = transfer(paper)
    paper.stop_identity(by=COURIER)
    with pytest.raises(Refused, match="therapy is halted"):
        take_over(paper, handoff)
    refuse(paper, by=THIRD)
    with pytest.raises(Refused, match="therapy is halted"):
        transfer(paper)
    with pytest.raises(Refused, match="identity stop"):
        paper.do("deliver-outbound")


@pytest.mark.parametrize("missing", ["seal", "container", "logger"])
def test_a_shipment_has_a_seal_a_container_and_a_logger(missing: str) -> None:
    paper = Paper().walk(before="pack-outbound")
    with pytest.raises(Refused, match=missing):
        paper.do("pack-outbound", **{missing: ...})


def test_the_material_is_not_accepted_without_its_temperature_record() -> None:
    paper = Paper().walk(before="accept-starting-material")
    with pytest.raises(Refused, match="readings are not on record"):
        paper.do("accept-starting-material")
    paper.commit_readings("outbound")
    paper.do("accept-starting-material")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leg": "sideways"}, "no leg"),
        ({"leg": "return"}, "Nothing was packed"),
        ({"root": "x"}, "root"),
        ({"root": str(2**255)}, "root"),
        ({"count": -1}, "whole number"),
        ({"count": True}, "whole number"),
        ({"count": "100"}, "whole number"),
        ({"device": str(party("another logger"))}, "another logger"),
        ({"device": "logger"}, "identifier"),
        ({"series": "x" * 64}, "series"),
        ({"first_at": "yesterday"}, "UTC time"),
        ({"signature": {"r8x": "1"}}, "signature"),
        ({"signature": {"r8x": "1", "r8y": "2", "s": 3}}, "signature"),
    ],
)
def test_readings_are_committed_well_formed_from_the_packed_logger(changes: dict[str, Any], words: str) -> None:
    paper = Paper().walk(before="accept-starting-material")
    body = paper.readings_body("outbound") | changes
    with pytest.raises(Refused, match=words):
        paper.record("custody.readings.committed/v1", body, Person("operator", "prover"))


def test_readings_are_committed_once_after_the_receipt() -> None:
    paper = Paper().walk(before="receive-starting-material")
    with pytest.raises(Refused, match="still on the way"):
        paper.commit_readings("outbound")
    paper.do("receive-starting-material")
    paper.commit_readings("outbound")
    with pytest.raises(Refused, match="already committed"):
        paper.commit_readings("outbound")


def test_readings_of_a_shipment_that_never_arrived_are_committed_after_the_end() -> None:
    paper = Paper().walk(before="receive-starting-material")
    paper.end("failed", "excursion", Person("maker", "qa"))
    paper.commit_readings("outbound")
    assert paper.state["readings"]["outbound"]["count"] == 100


@pytest.mark.parametrize("who", ["payer", "regulator", "other centre"])
def test_strangers_and_payers_commit_no_readings(who: str) -> None:
    paper = Paper().walk(before="accept-starting-material")
    with pytest.raises(Refused, match="takes part"):
        paper.record("custody.readings.committed/v1", paper.readings_body("outbound"), Person(who, "prover"))
