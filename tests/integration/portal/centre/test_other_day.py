"""Cells collected on another day than booked: said before it is signed, an exception after, and the rest moves."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from custody.exceptions.models import CustodyException
from custody.therapies.models import OpenStep, StepRecord
from custody.therapies.off_plan import off_plan
from custody.therapies.operations import perform_step
from custody.therapies.steps import protocol_of
from ledger.clock import parse_stamp
from ledger.log import verification
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, step_form, step_url
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def labelled():
    """A therapy whose cells are to be collected next."""
    return told(small_consortium(), Story("told", stop_before="collect"))


def words(response):
    return " ".join(response.content.decode().split())


def second(therapy):
    return therapy.actor("centre", "nurse", other_than=therapy.actor("centre", "nurse").person)


def times(therapy, days):
    """The booked times, so many days later, as the form takes them."""
    end = parse_stamp(therapy.state["slots"]["apheresis"]["end"]).astimezone(ZoneInfo("Europe/Amsterdam"))
    moments = {"started_at": end - timedelta(hours=4), "occurred_at": end}
    return {name: f"{at + timedelta(days=days):%Y-%m-%dT%H:%M}" for name, at in moments.items()}


def sign(therapy, **more):
    client = signed_in(therapy.actor("centre", "nurse"))
    form = step_form(therapy, "collect", second=second(therapy), **more)
    return client.post(step_url(therapy, "collect"), form, follow=True)


def collect(therapy, days):
    booked = parse_stamp(therapy.state["slots"]["apheresis"]["end"]) + timedelta(days=days)
    return perform_step(
        therapy=therapy.therapy,
        step="collect",
        values=therapy.values("collect"),
        scans=therapy.scans("collect"),
        started_at=booked - timedelta(hours=4),
        occurred_at=booked,
        by=therapy.actor("centre", "nurse"),
        second=second(therapy),
        at=booked,
        key=therapy.key(),
    )


@pytest.mark.parametrize(("days", "apart"), [(3, "3 days after"), (1, "1 day after")])
def test_another_day_is_said_and_asked_for_before_anything_is_signed(labelled, days, apart):
    page = sign(labelled, **times(labelled, days))

    assert page.status_code == 422
    assert f"{apart} the booked day" in words(page)
    assert "tick this" in str(page.context["form"].errors["other_day"])
    assert not StepRecord.objects.filter(step="collect").exists()


def test_the_page_says_so_as_it_opens_and_says_nothing_on_the_booked_day(labelled, monkeypatch):
    client = signed_in(labelled.actor("centre", "nurse"))
    assert "Another day than booked" in words(client.get(step_url(labelled, "collect")))

    booked = parse_stamp(labelled.state["slots"]["apheresis"]["start"]) + timedelta(hours=1)
    monkeypatch.setattr("portal.actions.dated.now", lambda: booked)

    assert "Another day than booked" not in words(client.get(step_url(labelled, "collect")))


def test_signed_all_the_same_it_is_an_exception_for_centre_and_maker_and_the_move_is_at_hand(labelled):
    page = sign(labelled, other_day="on", **times(labelled, 3))

    finding = "Collected on Thu 13 Aug, 3 days after the booked day, Mon 10 Aug"
    assert "Move the dates that follow." in words(page)
    assert reverse("therapy_move", args=[labelled.therapy]) in words(page)
    assert CustodyException.objects.get().finding == finding
    for capacity, role in (("maker", "scheduler"), ("maker", "qa"), ("centre", "coordinator")):
        assert finding in words(signed_in(labelled.actor(capacity, role)).get(reverse("exceptions"))), role
    assert list(verification.findings()) == []


@pytest.mark.parametrize(
    ("days", "finding"),
    [
        (0, ""),
        (2, "Collected on Wed 12 Aug, 2 days after the booked day, Mon 10 Aug"),
    ],
)
def test_what_lies_on_the_booked_day_is_no_exception_and_what_does_not_is_one(labelled, days, finding):
    collect(labelled, days)

    assert list(CustodyException.objects.values_list("kind", "finding")) == (
        [("deviation", finding)] if finding else []
    )


def test_a_day_too_early_is_said_as_well(labelled):
    step = protocol_of(labelled.chain).step("collect")
    early = parse_stamp(labelled.state["slots"]["apheresis"]["start"]) - timedelta(days=1)

    found = off_plan(labelled.state, protocol_of(labelled.chain), step, early, early + timedelta(hours=3))

    assert found.finding == "Collected on Sun 9 Aug, 1 day before the booked day, Mon 10 Aug"


def test_the_makers_qa_decides_before_the_cells_are_used(labelled):
    collect(labelled, 2)

    labelled.walker.story = Story("on", resolve=False)
    labelled.walker.run()

    assert OpenStep.objects.get(therapy_id=labelled.therapy, step="accept-starting-material").held == "deviation"
