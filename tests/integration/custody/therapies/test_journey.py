"""A therapy from order to outcome by the operations, and what they refuse."""

from datetime import timedelta

import pytest

from custody.contract.items import Item, Label, check_character
from custody.exceptions.models import CustodyException
from custody.therapies.models import OpenStep, StepRecord, Therapy, TherapyParty
from custody.therapies.operations import PatientHasTherapy, decide_payer, end_therapy, order_therapy, perform_step
from custody.therapies.queries import journey, my_tasks, visible
from custody.therapies.steps import TherapyNotFound
from custody.therapies.values import ValuesRefused
from ledger.errors import NotPermitted
from ledger.log import sequencer
from ledger.log.contract import Refused
from ledger.log.models import Record, RefusedAction
from ledger.log.operations import KeyUsedOtherwise
from ledger.log.verification import findings
from ledger.outbox.models import OutboxJob
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("protocol", ["cd19-fresh", "bcma-frozen", "hsc-edited"])
def test_each_protocol_can_be_walked_from_order_to_infusion(protocol):
    one = told(small_consortium(days=160), protocol=protocol)

    therapy = Therapy.objects.get(pk=one.therapy)

    assert therapy.status == "completed", OpenStep.objects.filter(therapy=therapy).values_list("step", flat=True)
    assert therapy.open_exceptions == 0
    sequencer.drain()
    assert list(findings()) == []


def test_every_finished_segment_asks_for_its_proof():
    one = told(small_consortium())

    jobs = OutboxJob.objects.filter(kind="prove_segment").values_list("payload", flat=True)

    wanted = {"order-to-collection", "transit", "making-and-release", "return", "receipt-to-infusion"}
    assert {job["segment"] for job in jobs} == wanted
    assert {job["therapy"] for job in jobs} == {str(one.therapy)}


def test_step_before_its_turn_is_refused_and_leaves_only_an_audit_entry():
    one = told(small_consortium(), Story("rest", stop_before="collect"))
    records, steps = Record.objects.count(), StepRecord.objects.count()

    with pytest.raises(Refused, match="cannot be done yet"):
        perform_step(
            therapy=one.therapy,
            step="clear-lymphodepletion",
            values=one.values("clear-lymphodepletion"),
            scans={},
            by=one.actor("centre", "physician"),
            at=one.now,
            key=one.key(),
        )

    assert (Record.objects.count(), StepRecord.objects.count()) == (records, steps)
    entry = RefusedAction.objects.get()
    assert entry.code == "Refused"
    assert entry.subject == str(one.therapy)
    assert "cannot be done yet" in entry.reason


def test_double_submit_makes_one_record():
    one = told(small_consortium(), Story("rest", stop_before="payer-approval"))
    act = {
        "therapy": one.therapy,
        "approved": True,
        "values": one.values("payer-approval"),
        "by": one.actor("payer", "payer_analyst"),
        "at": one.now,
        "key": "the-same-key",
    }

    first, second = decide_payer(**act), decide_payer(**act)

    assert first.id == second.id
    assert Record.objects.filter(type="custody.payer.decided/v1").count() == 1


def test_collection_needs_two_different_people_of_the_centre():
    one = told(small_consortium(), Story("rest", stop_before="collect"))
    nurse = one.actor("centre", "nurse")
    act = {
        "therapy": one.therapy,
        "step": "collect",
        "values": one.values("collect"),
        "scans": one.scans("collect"),
        "by": nurse,
        "at": one.now,
    }

    with pytest.raises(Refused, match="second person"):
        perform_step(**act, key=one.key())
    with pytest.raises(Refused, match="somebody else"):
        perform_step(**act, second=nurse, key=one.key())
    with pytest.raises((Refused, NotPermitted)):
        perform_step(**act, second=one.actor("payer", "payer_analyst"), key=one.key())

    record = perform_step(**act, second=one.actor("centre", "nurse", other_than=nurse.person), key=one.key())
    row = StepRecord.objects.get(record_id=record.id)
    assert row.second_person not in {None, nurse.person}


def test_scan_of_another_therapy_is_refused():
    one = told(small_consortium(), Story("rest", stop_before="collect"))
    coi = "X004226009999" + check_character("X004226009999")
    scans = one.scans("collect") | {"label": Label(coi, Item("label", 1)).code}

    with pytest.raises(Refused, match="another therapy"):
        perform_step(
            therapy=one.therapy,
            step="collect",
            values=one.values("collect"),
            scans=scans,
            by=one.actor("centre", "nurse"),
            second=one.actor("centre", "physician"),
            at=one.now,
            key=one.key(),
        )


def test_values_of_the_wrong_form_are_named_one_by_one():
    one = told(small_consortium(), Story("rest", stop_before="collect"))

    with pytest.raises(ValuesRefused) as refused:
        perform_step(
            therapy=one.therapy,
            step="collect",
            values={**one.values("collect"), "volume": "a lot", "nucleated-cells": ""},
            scans=one.scans("collect"),
            by=one.actor("centre", "nurse"),
            second=one.actor("centre", "physician"),
            at=one.now,
            key=one.key(),
        )

    assert set(refused.value.errors) == {"volume", "nucleated-cells"}
    assert "120.5" in refused.value.errors["volume"]


def test_value_out_of_limits_is_recorded_and_opens_a_deviation_that_holds_the_release():
    one = told(small_consortium(), Story("deviation", outside=frozenset({"harvest"}), resolve=False))

    row = CustodyException.objects.get(therapy_id=one.therapy)

    assert row.kind == "deviation"
    assert "500 to 30000" in row.finding
    assert not StepRecord.objects.get(therapy_id=one.therapy, step="harvest").in_limits
    held = OpenStep.objects.get(therapy_id=one.therapy, step="release")
    assert held.held == "deviation"


def test_payer_who_declines_ends_the_therapy_and_frees_nothing_else():
    one = told(small_consortium(), Story("declined", declined=True))

    assert Therapy.objects.get(pk=one.therapy).status == "declined"
    assert not OpenStep.objects.filter(therapy_id=one.therapy).exists()
    with pytest.raises(Refused, match="has ended"):
        end_therapy(
            therapy=one.therapy,
            how="cancelled",
            reason="patient_withdrew",
            by=one.actor("centre", "physician"),
            at=one.now,
            key=one.key(),
        )


def test_a_nurse_cannot_end_a_therapy():
    one = told(small_consortium(), Story("rest", stop_before="collect"))

    with pytest.raises(NotPermitted):
        end_therapy(
            therapy=one.therapy,
            how="cancelled",
            reason="patient_unfit",
            by=one.actor("centre", "nurse"),
            at=one.now,
            key=one.key(),
        )

    assert Therapy.objects.get(pk=one.therapy).status == "active"


def test_patient_has_one_therapy_under_a_protocol_at_a_time():
    one = told(small_consortium(), Story("rest", stop_before="payer-approval"))
    therapy = Therapy.objects.get(pk=one.therapy)

    with pytest.raises(PatientHasTherapy):
        order_therapy(
            patient=therapy.patient_id,
            protocol=therapy.protocol_digest,
            payer=therapy.payer_id,
            consent=True,
            eligible=True,
            values=one.values("order"),
            by=one.actor("centre", "coordinator"),
            at=one.now,
            key=one.key(),
        )


def test_order_without_consent_is_refused_and_issues_no_identifier():
    one = told(small_consortium(), Story("rest", stop_before="payer-approval"))
    other = told(one.cast, Story("rest", stop_before="payer-approval"), number=2)
    end = {"how": "cancelled", "reason": "patient_unfit", "at": one.now}
    end_therapy(therapy=other.therapy, by=other.actor("centre", "physician"), key=one.key(), **end)
    ended = Therapy.objects.get(pk=other.therapy)

    with pytest.raises(Refused, match="consent"):
        order_therapy(
            patient=ended.patient_id,
            protocol=ended.protocol_digest,
            payer=ended.payer_id,
            consent=False,
            eligible=True,
            values=one.values("order"),
            by=one.actor("centre", "coordinator"),
            at=one.now,
            key=one.key(),
        )

    third = told(one.cast, Story("rest", stop_before="payer-approval"), number=3)
    assert third.state["coi"][7:13] == "000003"


def test_only_those_who_take_part_see_a_therapy():
    one = told(small_consortium(), Story("rest", stop_before="booking"))
    stranger = one.cast.actor(one.cast.parties["X0117"].id, "nurse")
    inspector = one.cast.actor(one.cast.parties["R0901"].id, "inspector")

    assert one.therapy not in set(visible(stranger).values_list("pk", flat=True))
    with pytest.raises(TherapyNotFound):
        journey(therapy=one.therapy, by=stranger)
    assert visible(inspector).filter(pk=one.therapy).exists()
    assert TherapyParty.objects.filter(therapy_id=one.therapy).count() == 2


def test_journey_shows_every_record_verified_and_the_patient_only_to_the_centre():
    one = told(small_consortium(), Story("rest", stop_before="collect"))
    sequencer.drain()

    own = journey(therapy=one.therapy, by=one.actor("centre", "physician"))
    foreign = journey(therapy=one.therapy, by=one.actor("payer", "payer_analyst"))

    assert {record.standing for record in own.records} == {"verified"}
    assert own.patient is not None
    assert foreign.patient is None


def test_worklist_gives_each_role_its_own_acts():
    one = told(small_consortium(), Story("rest", stop_before="payer-approval"))

    analyst = my_tasks(by=one.actor("payer", "payer_analyst"))
    nurse = my_tasks(by=one.actor("centre", "nurse"))

    assert [task.step for task in analyst] == ["payer-approval"]
    assert nurse == []


def test_time_in_the_future_is_refused():
    one = told(small_consortium(), Story("rest", stop_before="collect"))

    with pytest.raises(Exception, match="clock") as refused:
        perform_step(
            therapy=one.therapy,
            step="collect",
            values=one.values("collect"),
            scans=one.scans("collect"),
            by=one.actor("centre", "nurse"),
            second=one.actor("centre", "physician"),
            occurred_at=one.now + timedelta(days=1),
            at=one.now,
            key=one.key(),
        )

    assert refused.value.field == "occurred_at"


def test_two_centres_with_the_same_serial_get_different_call_names():
    cast = small_consortium()
    rest = Story("rest", stop_before="payer-approval")
    one = told(cast, rest, centre="X0042", number=1)
    other = told(cast, rest, centre="X0117", number=2)

    assert one.state["coi"][-5:-1] == other.state["coi"][-5:-1]
    assert one.state["call_name"] != other.state["call_name"]


def test_a_key_that_was_used_for_another_therapy_is_refused():
    cast = small_consortium()
    rest = Story("rest", stop_before="payer-approval")
    one, other = told(cast, rest, number=1), told(cast, rest, number=2)
    act = {"approved": True, "values": one.values("payer-approval"), "at": other.now, "key": "one-key-for-two"}
    by = one.actor("payer", "payer_analyst")

    decide_payer(therapy=one.therapy, by=by, **act)
    with pytest.raises(KeyUsedOtherwise):
        decide_payer(therapy=other.therapy, by=by, **act)

    assert other.state["done"].keys() == {"order"}
