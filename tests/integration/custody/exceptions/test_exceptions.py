"""Identity stops, closing exceptions, and supply out of specification (EU GMP Part IV §11.5)."""

from datetime import timedelta

import pytest

from custody.exceptions.models import CustodyException
from custody.exceptions.operations import (
    accept_risk,
    close_exception,
    evaluate_risk,
    inform_authority,
    request_supply,
)
from custody.exceptions.queries import open_exceptions
from custody.therapies.models import OpenStep, Therapy
from ledger.errors import BadInput, NotPermitted
from ledger.log.contract import Refused
from manufacturing.quality.operations import release_batch
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
WHY = "The lid was open while nitrogen was topped up"


def test_identity_stop_halts_everything_until_two_people_close_it():
    one = told(small_consortium(), Story("stop", stop_identity="bedside-check", resolve=False))
    stop = CustodyException.objects.get(therapy_id=one.therapy)
    physician = one.actor("centre", "physician")

    assert {row.held for row in OpenStep.objects.filter(therapy_id=one.therapy)} == {"identity_stop"}
    act = {
        "exception": stop.id,
        "resolution": "explained",
        "cause": "wrong_scan",
        "why": WHY,
        "by": physician,
        "at": one.now,
    }
    with pytest.raises(Refused, match="second person"):
        close_exception(**act, key=one.key())
    close_exception(**act, second=one.actor("centre", "nurse"), key=one.key())

    assert not CustodyException.objects.filter(therapy_id=one.therapy, closed_at=None).exists()
    assert not OpenStep.objects.filter(therapy_id=one.therapy).exclude(held="").exists()


def test_a_cause_that_does_not_fit_the_kind_is_refused_with_those_that_do():
    one = told(small_consortium(), Story("warm", readings={"outbound": "excursion"}, resolve=False))
    found = CustodyException.objects.get(therapy_id=one.therapy)
    act = {"exception": found.id, "resolution": "accepted", "why": WHY, "by": one.actor("maker", "qa"), "at": one.now}

    with pytest.raises(BadInput, match="Name the cause: cooling or packing") as refused:
        close_exception(**act, cause="consent", key=one.key())
    assert refused.value.field == "cause"
    close_exception(**act, cause="other", key=one.key())

    found.refresh_from_db()
    assert found.cause == "other"


def test_of_a_therapy_that_ended_what_is_out_of_specification_is_rejected_or_explained():
    story = Story("refused", outside=frozenset({"test-dose"}), fail="review", resolve=False)
    one = told(small_consortium(), story)
    found = CustodyException.objects.get(therapy_id=one.therapy)
    act = {"exception": found.id, "cause": "testing", "why": WHY, "by": one.actor("maker", "qa"), "at": one.now}
    assert (found.kind, Therapy.objects.get(pk=one.therapy).status) == ("out_of_specification", "failed")

    for resolution in ("accepted", "corrected", "informed"):
        with pytest.raises(BadInput, match="its product is not supplied"):
            close_exception(**act, resolution=resolution, key=one.key())
    close_exception(**act, resolution="rejected", key=one.key())

    found.refresh_from_db()
    assert found.resolution == "rejected"


def test_courier_cannot_close_an_exception():
    one = told(small_consortium(), Story("warm", readings={"outbound": "excursion"}, resolve=False))
    found = CustodyException.objects.get(therapy_id=one.therapy)

    with pytest.raises(NotPermitted):
        close_exception(
            exception=found.id,
            resolution="accepted",
            cause="transport",
            why=WHY,
            by=one.actor("courier_outbound", "courier"),
            at=one.now,
            key=one.key(),
        )


def test_out_of_specification_is_supplied_only_by_the_whole_path():
    one = told(small_consortium(), Story("oos", outside=frozenset({"test-viability"})))
    found = CustodyException.objects.get(therapy_id=one.therapy)
    physician, qa = one.actor("centre", "physician"), one.actor("maker", "qa")
    values = {"exception": found.id, "at": one.now}

    assert found.kind == "out_of_specification"
    with pytest.raises(Refused):
        evaluate_risk(by=qa, key=one.key(), **values)
    request_supply(by=physician, key=one.key(), **values)
    evaluate_risk(by=qa, key=one.key(), **values)
    with pytest.raises(Refused, match="out of specification|waits"):
        release_batch(
            therapy=one.therapy, values=one.values("release"), by=one.actor("maker", "qp"), at=one.now, key=one.key()
        )
    accept_risk(by=physician, key=one.key(), **values)
    found.refresh_from_db()
    assert found.due_at is not None
    assert found.due_at > one.now - timedelta(minutes=31)

    inform_authority(by=qa, key=one.key(), **values)
    found.refresh_from_db()
    assert (found.oos_stage, found.resolution) == ("informed", "informed")


def test_accepted_out_of_specification_product_reaches_the_patient_and_is_never_proven():
    one = told(small_consortium(), Story("oos", outside=frozenset({"test-viability"}), oos_until="informed"))

    assert Therapy.objects.get(pk=one.therapy).status == "completed"
    assert CustodyException.objects.get(therapy_id=one.therapy).resolution == "informed"


def test_exceptions_are_listed_worst_first_and_only_to_those_concerned():
    cast = small_consortium()
    told(cast, Story("warm", readings={"outbound": "excursion"}, resolve=False), number=1)
    told(cast, Story("stop", stop_identity="bedside-check", resolve=False), number=2)
    inspector = cast.actor(cast.parties["R0901"].id, "inspector")
    stranger = cast.actor(cast.parties["X0117"].id, "physician")

    assert [one.kind for one in open_exceptions(by=inspector)] == ["identity_stop", "excursion"]
    assert open_exceptions(by=stranger) == []


def test_failed_therapy_ends_and_keeps_its_exception():
    one = told(small_consortium(), Story("failed", fail="harvest"))

    assert Therapy.objects.get(pk=one.therapy).status == "failed"
    assert not OpenStep.objects.filter(therapy_id=one.therapy).exists()
