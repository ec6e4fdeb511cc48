"""What a courier reports from the road, who reads it, and when a delayed shipment is expected."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from custody.exceptions.models import CustodyException
from custody.therapies.steps import protocol_of
from custody.transport.operations import arrival_due, report_problem
from ledger.clock import now
from ledger.errors import BadInput
from ledger.ids import uuid7
from ledger.log import verification
from portal.accounts.demonstration import PASSWORD
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import small_consortium
from tests.integration.portal.transport.road import DROP, PICKUP, at_step, courier, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return small_consortium()


def problem_page(therapy):
    return reverse("job_problem", args=[therapy.therapy])


TOMORROW = now() + timedelta(days=1)
DAY = f"{TOMORROW.day} {TOMORROW:%b}"


def report(client, therapy, problem="delay", key="0197f3a0-0000-7000-8000-000000000091", **changed):
    sent = {"problem": problem, "idempotency_key": key, "signing_password": PASSWORD}
    if problem == "delay":
        sent["expected_at"] = f"{TOMORROW:%Y-%m-%d}T14:40"
    return client.post(problem_page(therapy), sent | changed)


def test_a_reported_problem_is_seen_at_once_by_courier_centre_and_maker(cast):
    therapy = at_step(cast, DROP)

    answer = report(courier(therapy), therapy, "seal_broken")

    assert answer.status_code == 303
    finding = "Seal found broken on the road"
    assert finding in words(courier(therapy).get(reverse("job", args=[therapy.therapy])))
    for capacity, role in (("centre", "nurse"), ("maker", "qa")):
        assert finding in words(signed_in(therapy.actor(capacity, role)).get(reverse("exceptions")))


def test_a_problem_sent_twice_is_reported_once_and_the_ledger_verifies(cast):
    therapy = at_step(cast, DROP)
    client = courier(therapy)

    first, again = report(client, therapy), report(client, therapy)
    other = report(client, therapy, key="0197f3a0-0000-7000-8000-000000000092")

    assert first.status_code == again.status_code == 303
    assert other.status_code == 409
    assert "reported already" in words(other)
    assert CustodyException.objects.filter(kind="transport_problem").count() == 1
    assert list(verification.check_chains(lambda what, count: None)) == []


@pytest.mark.parametrize("problem", ["", "rain"])
def test_a_problem_that_is_none_is_refused_at_its_field(cast, problem):
    therapy = at_step(cast, DROP)

    answer = report(courier(therapy), therapy, problem)

    assert answer.status_code == 422
    assert answer.context["form"].errors["problem"]
    assert not CustodyException.objects.exists()


@pytest.mark.parametrize(
    ("given", "words_there"),
    [
        ("", "Say when you expect to arrive"),
        ("2020-01-01T10:00", "That time is past"),
        ("at noon", "Write day and time"),
    ],
)
def test_a_delay_without_a_new_time_ahead_is_refused_at_its_field(cast, given, words_there):
    therapy = at_step(cast, DROP)

    answer = report(courier(therapy), therapy, expected_at=given)

    assert answer.status_code == 422
    assert words_there in str(answer.context["form"].errors["expected_at"])
    assert not CustodyException.objects.exists()


def test_an_arrival_no_later_than_planned_is_no_delay(cast):
    therapy = at_step(cast, DROP)
    planned = arrival_due(therapy.state, protocol_of(therapy.chain))

    with pytest.raises(BadInput, match="no later than planned"):
        report_problem(
            therapy=therapy.therapy,
            problem="delay",
            expected_at=planned,
            by=therapy.actor("courier_outbound", "courier"),
            at=planned - timedelta(hours=3),
            key=therapy.key(),
        )


def test_the_receiver_reads_the_new_time_beside_the_one_that_was_planned(cast):
    therapy = at_step(cast, DROP)
    planned = arrival_due(therapy.state, protocol_of(therapy.chain))

    assert report(courier(therapy), therapy).status_code == 303

    row = CustodyException.objects.get()
    assert row.planned_at == planned
    assert row.expected_at > planned
    for capacity, role, page in (
        ("maker", "operator", reverse("shipments")),
        ("maker", "qa", reverse("exceptions")),
        ("centre", "nurse", reverse("therapy", args=[therapy.therapy])),
        ("maker", "qa", reverse("exception", args=[row.pk])),
        ("courier_outbound", "courier", reverse("job", args=[therapy.therapy])),
    ):
        shown = words(signed_in(therapy.actor(capacity, role)).get(page))
        assert re.search(rf"Expected <time[^>]*>{DAY}, 14:40 CES?T</time> instead of", shown), page
    assert list(verification.findings()) == []


def test_a_closed_delay_says_what_the_courier_had_said(cast):
    therapy = at_step(cast, DROP)
    report(courier(therapy), therapy)
    row = CustodyException.objects.get()
    CustodyException.objects.filter(pk=row.pk).update(closed_at=therapy.now, resolution="explained", cause="transport")

    shown = words(signed_in(therapy.actor("maker", "qa")).get(reverse("exception", args=[row.pk])))

    assert re.search(r"The courier had said: expected <time[^>]*>[^<]*</time> instead of <time", shown)


def test_a_delay_that_grows_is_reported_again_and_the_last_time_counts(cast):
    therapy = at_step(cast, DROP)
    client = courier(therapy)

    report(client, therapy)
    later = report(client, therapy, key=str(uuid7()), expected_at=f"{TOMORROW:%Y-%m-%d}T18:10")

    assert later.status_code == 303
    assert CustodyException.objects.filter(kind="transport_problem", closed_at=None).count() == 2
    assert f"{DAY}, 18:10" in words(signed_in(therapy.actor("maker", "operator")).get(reverse("shipments")))


@pytest.mark.parametrize("absurd", ["2036-11-20T10:00", "9999-12-31T23:59", "0001-01-01T00:00"])
def test_a_new_time_that_is_years_away_is_asked_for_again(cast, absurd):
    therapy = at_step(cast, DROP)

    answer = report(courier(therapy), therapy, expected_at=absurd)

    assert answer.status_code == 422
    assert "lies within 30 days. Check the date." in words(answer)
    assert not CustodyException.objects.exists()


def test_who_does_not_hold_the_shipper_reports_nothing(cast):
    therapy = at_step(cast, PICKUP)

    assert report(courier(therapy), therapy).status_code == 409
    assert report(signed_in(therapy.actor("maker", "operator")), therapy).status_code == 409
    assert report(somebody(cast, "P0501", "payer_analyst"), therapy).status_code == 403
    assert not CustodyException.objects.exists()
