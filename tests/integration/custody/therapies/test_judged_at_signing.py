"""What is late is raised when it is signed, what halts halts, and what the ledger knows nobody types."""

from datetime import timedelta

import pytest

from custody.contract.closing import HALTED
from custody.exceptions.models import CustodyException
from custody.exceptions.operations import close_exception
from custody.exceptions.queries import open_exceptions
from custody.therapies.models import OpenStep, StepRecord, Therapy
from custody.therapies.operations import perform_step
from custody.therapies.values import ValuesRefused
from custody.transport.operations import offer_handoff
from custody.transport.queries import shipment_under_way
from ledger.log import sequencer
from ledger.log.contract import Refused
from ledger.log.verification import findings
from manufacturing.batches.operations import perform_batch_step
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


def at(step, **story):
    return told(small_consortium(), Story("rest", stop_before=step, **story))


def wash(one, *, at, started_at, **changed):
    return perform_batch_step(
        therapy=one.therapy,
        step="wash-and-select",
        values=one.values("wash-and-select") | changed,
        scans=one.scans("wash-and-select"),
        by=one.actor("maker", "operator"),
        at=at,
        started_at=started_at,
        key=one.key(),
    )


def bedside(one, **changed):
    nurse = one.actor("centre", "nurse")
    return perform_step(
        therapy=one.therapy,
        step="bedside-check",
        values=one.values("bedside-check") | changed,
        scans=one.scans("bedside-check"),
        by=nurse,
        second=one.actor("centre", "nurse", other_than=nurse.person),
        at=one.now,
        key=one.key(),
    )


def test_qa_sees_a_step_that_began_too_late_as_soon_as_it_is_signed():
    one = at("wash-and-select")
    late = OpenStep.objects.get(therapy_id=one.therapy, step="wash-and-select").since + timedelta(hours=26, minutes=3)

    wash(one, at=late + timedelta(hours=1), started_at=late)

    [found] = open_exceptions(by=one.actor("maker", "qa"))
    assert found.kind == "deviation"
    assert found.finding == (
        "Wash and select T cells began 1 d 2 h after “Accept the starting material” ended, 1 d allowed"
    )
    assert one.state["unraised"] == []
    sequencer.drain()
    assert list(findings()) == []


def test_a_value_and_a_wait_out_of_limits_are_one_exception():
    one = at("wash-and-select")
    late = OpenStep.objects.get(therapy_id=one.therapy, step="wash-and-select").since + timedelta(hours=26)

    wash(one, at=late + timedelta(hours=1), started_at=late, **{"cd3-purity": "60"})

    finding = CustodyException.objects.get(therapy_id=one.therapy).finding
    assert "CD3+ after selection 60 %" in finding
    assert "1 d allowed" in finding


def test_a_hand_over_that_is_late_is_raised_too():
    one = at("hand-over-outbound")
    late = OpenStep.objects.get(therapy_id=one.therapy, step="hand-over-outbound").since + timedelta(hours=13)

    offer_handoff(
        therapy=one.therapy,
        step="hand-over-outbound",
        seal=one.state["custody"]["seal"],
        scans={},
        by=one.actor("centre", "cell_lab"),
        at=late,
        key=one.key(),
    )

    assert "13 h after “Pack the fresh cells" in CustodyException.objects.get(therapy_id=one.therapy).finding


def test_no_consent_halts_the_therapy_and_leaves_the_step_to_be_done():
    one = at("bedside-check")

    record = bedside(one, **{"consent-confirmed": "no"})

    assert record.type == HALTED
    row = CustodyException.objects.get(therapy_id=one.therapy)
    assert (row.kind, row.rank, row.finding) == ("halt", 0, "Consent confirmed with the patient: no")
    assert not StepRecord.objects.filter(therapy_id=one.therapy, step="bedside-check").exists()
    assert set(OpenStep.objects.filter(therapy_id=one.therapy).values_list("held", flat=True)) == {"halt"}
    with pytest.raises(Refused, match="an exception is open"):
        bedside(one)
    sequencer.drain()
    assert list(findings()) == []


def test_after_others_have_closed_it_the_step_is_done_anew():
    one = at("bedside-check")
    bedside(one, **{"consent-confirmed": "no"})
    halted = CustodyException.objects.get(therapy_id=one.therapy)
    answered = one.chain.state["exceptions"][str(halted.pk)]["answered"]
    closing = {
        "exception": halted.pk,
        "resolution": "corrected",
        "cause": "handling",
        "why": "The patient was asked again and agreed.",
        "at": one.now,
    }
    physician = one.actor("centre", "physician")
    nurse = one.actor("centre", "nurse")
    assert str(nurse.person) in answered

    with pytest.raises(Refused, match="gave the answer"):
        close_exception(**closing, by=physician, second=nurse, key=one.key())
    close_exception(**closing, by=physician, second=one.actor("centre", "cell_lab"), key=one.key())
    bedside(one)

    assert StepRecord.objects.filter(therapy_id=one.therapy, step="bedside-check").exists()


def accept(one, **changed):
    operator = one.actor("maker", "operator")
    return perform_step(
        therapy=one.therapy,
        step="accept-starting-material",
        values=one.values("accept-starting-material") | changed,
        scans=one.scans("accept-starting-material"),
        by=operator,
        second=one.actor("maker", "qa"),
        at=one.now,
        key=one.key(),
    )


def test_the_age_at_receipt_is_reckoned_and_another_figure_is_refused():
    one = at("accept-starting-material")
    done = one.state["done"]

    with pytest.raises(ValuesRefused, match="follows from the records"):
        accept(one, age="0.1")
    accept(one)

    age = StepRecord.objects.get(therapy_id=one.therapy, step="accept-starting-material").values["age"]
    assert age["unit"] == "h"
    assert float(age["value"]) > 0
    assert "collect" in done


@pytest.mark.parametrize(("code", "value"), [("volume", "-3"), ("viability", "250")])
def test_what_cannot_be_true_is_not_recorded(code, value):
    one = at("accept-starting-material")

    with pytest.raises(ValuesRefused, match="is not possible. Check the figure"):
        accept(one, **{code: value})

    assert not StepRecord.objects.filter(therapy_id=one.therapy, step="accept-starting-material").exists()


def test_on_the_road_fresh_cells_keep_from_their_collection():
    one = at("deliver-outbound")

    line = shipment_under_way(therapy=one.therapy, by=one.actor("courier_outbound", "courier"))

    collected_at = Therapy.objects.get(pk=one.therapy).collected_at
    assert line is not None
    assert line.is_fresh
    assert line.hold_ends_at == collected_at + timedelta(hours=72)
    assert line.hold_ends_at < line.packed_at + timedelta(hours=72)
