"""Custody changes hands by an offer and a scan, between two people of two organisations."""

import pytest

from custody.exceptions.models import CustodyException
from custody.therapies.models import OpenStep, Therapy
from custody.transport.models import Handoff, Shipment
from custody.transport.operations import (
    HandoffUnknown,
    LoggerUnknown,
    accept_handoff,
    offer_handoff,
    offer_transfer,
    pack,
    refuse_handoff,
)
from ledger.errors import NotPermitted
from ledger.log.contract import Refused
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


def _offered(story="pickup-outbound"):
    one = told(small_consortium(), Story("rest", stop_before=story))
    return one, Handoff.objects.get(therapy_id=one.therapy, status="offered")


def test_courier_who_accepts_holds_the_cells():
    one, handoff = _offered()
    courier = one.actor("courier_outbound", "courier")

    accept_handoff(
        handoff=handoff.id,
        seal=handoff.seal,
        scans={"shipper": one.state["custody"]["container"], "seal": handoff.seal},
        by=courier,
        at=one.now,
        key=one.key(),
    )

    assert one.state["custody"]["holder"] == str(courier.party)
    handoff.refresh_from_db()
    assert (handoff.status, handoff.settled_by) == ("accepted", courier.person)


def test_giver_cannot_accept_own_handoff():
    one, handoff = _offered()

    with pytest.raises(HandoffUnknown):
        accept_handoff(
            handoff=handoff.id,
            seal=handoff.seal,
            scans={},
            by=one.actor("centre", "cell_lab"),
            at=one.now,
            key=one.key(),
        )

    handoff.refresh_from_db()
    assert handoff.status == "offered"


def test_wrong_seal_is_refused_and_custody_stays():
    one, handoff = _offered()
    holder = one.state["custody"]["holder"]

    with pytest.raises(Refused, match="seal"):
        accept_handoff(
            handoff=handoff.id,
            seal="00 000 000",
            scans={"shipper": one.state["custody"]["container"], "seal": "00 000 000"},
            by=one.actor("courier_outbound", "courier"),
            at=one.now,
            key=one.key(),
        )

    assert one.state["custody"]["holder"] == holder
    assert one.state["custody"]["offer"] is not None


def test_refused_handoff_goes_back_to_the_giver_who_offers_again():
    one, handoff = _offered()

    refuse_handoff(
        handoff=handoff.id,
        reason="damaged",
        by=one.actor("courier_outbound", "courier"),
        at=one.now,
        key=one.key(),
    )

    assert OpenStep.objects.filter(therapy_id=one.therapy, step="hand-over-outbound").exists()
    one.on_to("deliver-outbound")
    assert Handoff.objects.filter(therapy_id=one.therapy, status="accepted").count() == 1


def test_unknown_logger_cannot_be_packed():
    one = told(small_consortium(), Story("rest", stop_before="pack-outbound"))

    with pytest.raises(LoggerUnknown) as refused:
        pack(
            therapy=one.therapy,
            step="pack-outbound",
            container="BX-1",
            seal="40 1",
            logger_serial="NOT-THERE",
            values=one.values("pack-outbound"),
            scans=one.scans("pack-outbound"),
            by=one.actor("centre", "cell_lab"),
            at=one.now,
            key=one.key(),
        )

    assert refused.value.field == "logger"
    assert not Shipment.objects.exists()


def test_courier_can_pass_the_cells_to_another_courier_on_the_way():
    one = told(small_consortium(), Story("rest", stop_before="deliver-outbound"))
    carrier = one.state["parties"]["courier_outbound"]
    other = next(party for party in one.cast.of_kind("courier") if str(party.id) != carrier)
    seal = one.state["custody"]["seal"]

    offer_transfer(
        therapy=one.therapy,
        receiver=other.id,
        seal=f" {seal.replace(' ', '')} ",
        by=one.actor("courier_outbound", "courier"),
        at=one.now,
        key=one.key(),
    )
    handoff = Handoff.objects.get(therapy_id=one.therapy, status="offered")
    accept_handoff(
        handoff=handoff.id,
        seal=seal,
        scans={},
        by=one.cast.actor(other.id, "courier"),
        at=one.now,
        key=one.key(),
    )

    assert one.state["custody"]["holder"] == str(other.id)


def test_nurse_of_another_hospital_cannot_hand_over():
    one = told(small_consortium(), Story("rest", stop_before="hand-over-outbound"))
    stranger = one.cast.actor(one.cast.parties["X0117"].id, "cell_lab")

    with pytest.raises((Refused, NotPermitted)):
        offer_handoff(
            therapy=one.therapy,
            step="hand-over-outbound",
            seal=one.state["custody"]["seal"],
            scans={},
            by=stranger,
            at=one.now,
            key=one.key(),
        )


def test_silent_logger_opens_a_custody_gap_that_holds_the_acceptance():
    one = told(small_consortium(), Story("gap", readings={"outbound": "gap"}, resolve=False))

    found = CustodyException.objects.get(therapy_id=one.therapy)

    assert found.kind == "custody_gap"
    assert OpenStep.objects.get(therapy_id=one.therapy, step="accept-starting-material").held == "custody_gap"
    assert Therapy.objects.get(pk=one.therapy).open_exceptions == 1
