"""The protocols that ship hold together: with the contract, with the roles, and with the circuit."""

from __future__ import annotations

import pytest

from custody.compliance.specification import segment_spec
from custody.contract import ready_steps
from ledger.crypto import canonical
from ledger.log.documents import MAX_BYTES
from ledger.proofs.field import encode_code
from ledger.proofs.specification import MAX_SHOCK
from portal.accounts.roles import ROLES
from tests.unit.custody.contract.paper import CODES, Paper, shipped

pytestmark = pytest.mark.parametrize("code", CODES)

PARTY_KIND = {
    "centre": "treatment_centre",
    "maker": "manufacturer",
    "payer": "payer",
    "courier_outbound": "courier",
    "courier_return": "courier",
}
PERMISSIONS = {
    "order": {"therapy.order"},
    "payer_approval": {"payer.decide"},
    "booking": {"itinerary.book"},
    "label": {"label.print", "step.perform"},
    "offer": {"handoff.offer", "step.perform"},
    "accept": {"handoff.accept", "step.perform"},
    "review": {"batch.review", "step.perform"},
    "release": {"batch.release", "step.perform"},
}


def test_it_is_walked_from_order_to_infusion_by_what_is_ready(code: str) -> None:
    paper = Paper(code).walk(after="infuse")
    assert paper.state["status"] == "completed"
    required = {step.code for step in paper.protocol.steps if not step.optional and step.kind != "outcome"}
    assert required <= set(paper.state["done"])


def test_its_outcomes_follow_one_after_the_other(code: str) -> None:
    paper = Paper(code).walk()
    assert set(paper.state["done"]) == {step.code for step in paper.protocol.steps}
    assert ready_steps(paper.state, paper.protocol) == []


def test_it_is_walked_without_its_optional_steps_too(code: str) -> None:
    paper = Paper(code)
    paper.do("order")
    while paper.state["status"] == "active":
        ready = [one.step for one in ready_steps(paper.state, paper.protocol) if not one.held and not one.step.optional]
        step = ready[0]
        if step.kind == "acceptance":
            paper.commit_readings(str(step.leg))
        paper.do(step.code)
    assert paper.state["status"] == "completed"


def test_every_role_may_do_what_the_protocol_asks_of_it(code: str) -> None:
    for step in Paper(code).protocol.steps:
        wanted = PERMISSIONS.get(step.kind, {"step.perform"})
        for name in step.roles:
            role = ROLES[name]
            assert PARTY_KIND[step.party] in role.party_kinds, (step.code, name)
            assert wanted <= role.permissions, (step.code, name, wanted - role.permissions)
        for name in step.second_roles:
            assert "step.verify" in ROLES[name].permissions, (step.code, name)


def test_every_segment_fits_the_circuit(code: str) -> None:
    protocol = Paper(code).protocol
    for segment in protocol.segments:
        specification = segment_spec(protocol, segment)
        assert len(specification.vector()) == 15 + 2 * 24 + 3 * 12


def test_both_ways_are_proven_from_packing_to_receipt_with_every_limit(code: str) -> None:
    protocol = Paper(code).protocol
    legs = {segment.leg: segment_spec(protocol, segment) for segment in protocol.segments if segment.leg}
    assert set(legs) == {"outbound", "return"}
    for spec in legs.values():
        assert spec.readings is not None
        first, last = (spec.steps[place].code for place in (spec.readings.ship_step, spec.readings.receive_step))
        assert (first.split("-")[0], last.split("-")[0]) == ("pack", "receive")
        assert spec.readings.hard_lo < spec.readings.temperature_lo
        assert spec.readings.hard_hi > spec.readings.temperature_hi
        assert spec.readings.budget > 0
        assert spec.readings.shock_hi < MAX_SHOCK


def test_vein_to_vein_is_proven_from_collection_to_infusion(code: str) -> None:
    protocol = Paper(code).protocol
    (spec,) = (segment_spec(protocol, one) for one in protocol.segments if one.vein_to_vein)
    assert spec.span is not None
    assert (spec.steps[spec.span.first].code, spec.steps[spec.span.last].code) == ("collect", "infuse")
    assert spec.span.longest == protocol.vein_to_vein_max_days * 86_400


def test_whoever_must_be_two_is_proven_to_be_two(code: str) -> None:
    protocol = Paper(code).protocol
    for segment in protocol.segments:
        for step in segment_spec(protocol, segment).steps:
            assert step.two_people == bool(protocol.step(step.code).second_roles)  # type: ignore[union-attr]


def test_every_step_but_outcomes_and_optional_ones_stands_in_one_segment(code: str) -> None:
    protocol = Paper(code).protocol
    named = [name for segment in protocol.segments for name in segment.steps]
    left_out = {step.code for step in protocol.steps} - set(named)
    assert len(named) == len(set(named))
    assert all(set(segment.since) <= set(named) for segment in protocol.segments)
    assert all(protocol.step(name).optional or protocol.step(name).kind == "outcome" for name in left_out)  # type: ignore[union-attr]


def test_every_code_can_stand_in_a_proof(code: str) -> None:
    for step in Paper(code).protocol.steps:
        encode_code(step.code)


def test_it_fits_a_ledger_record(code: str) -> None:
    assert len(canonical.encode(shipped(code))) <= MAX_BYTES


def test_its_slot_chain_reaches_the_maker_while_fresh_cells_keep(code: str) -> None:
    protocol = Paper(code).protocol
    slots = {slot.kind: slot for slot in protocol.slots}
    assert protocol.slots[0].kind == "apheresis"
    assert protocol.slots[-1].kind == "bed"
    if protocol.starting_material == "fresh":
        longest = slots["pickup"].gap_max_minutes + slots["pickup"].minutes + slots["manufacturing"].gap_max_minutes
        assert longest <= protocol.leg("outbound").hold_max_hours * 60


def test_it_makes_at_least_eight_steps_and_eight_tests(code: str) -> None:
    kinds = [step.kind for step in Paper(code).protocol.steps]
    assert kinds.count("process") >= 8
    assert 8 <= kinds.count("test") <= 12
