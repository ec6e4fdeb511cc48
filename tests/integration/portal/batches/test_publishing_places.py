"""Publishing places on a screen: looked at, published, again without harm, and never from under a booking."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from custody.scheduling.models import Booking, Slot
from ledger.ids import uuid7
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import ORDERED_AT, small_consortium, told

pytestmark = pytest.mark.django_db
URL = "/capacity/publish/"


@pytest.fixture
def cast(monkeypatch):
    monkeypatch.setattr("portal.actions.base.now", lambda: ORDERED_AT + timedelta(days=4))
    return small_consortium()


def words(response):
    return " ".join(response.content.decode().split())


def form(act, **changed):
    return {
        "kind": "apheresis",
        "resources": "chair 11 to 12",
        "first": "2026-09-07",
        "last": "2026-09-13",
        "weekdays": ["0", "1", "2", "3", "4"],
        "starts": "08:00, 13:00",
        "length": "4",
        "unit": "hours",
        "capacity": "1",
        "act": act,
        "idempotency_key": str(uuid7()),
    } | changed


@pytest.fixture
def coordinator(cast):
    return somebody(cast, "X0042", "coordinator")


def test_a_look_says_how_many_and_changes_nothing(coordinator):
    before = Slot.objects.count()

    page = coordinator.post(URL, form("preview"))

    assert page.status_code == 200
    assert "20 new places" in words(page)
    assert Slot.objects.count() == before


def test_published_places_stand_and_publishing_again_changes_nothing(coordinator):
    before = Slot.objects.count()

    first, again = (coordinator.post(URL, form("publish")) for _ in range(2))

    assert first.status_code == again.status_code == 303
    assert Slot.objects.count() == before + 20
    assert "offered already, just so" in words(coordinator.post(URL, form("preview")))


def test_withdrawn_places_are_offered_no_longer_and_can_be_offered_again(coordinator):
    coordinator.post(URL, form("publish"))

    look = coordinator.post(URL, form("preview-withdraw"))
    coordinator.post(URL, form("withdraw"))

    assert "20 places would be offered no longer" in words(look)
    assert not Slot.objects.filter(resource="chair 11", published=True).exists()
    coordinator.post(URL, form("publish"))
    assert Slot.objects.filter(resource__in=["chair 11", "chair 12"], published=True).count() == 20


@pytest.mark.parametrize("spelling", ["Chair 11 to 12", "CHAIR  11\nchair12", "chair 11; Chair 11; chair 12"])
def test_a_place_in_another_spelling_is_the_one_that_is_known(coordinator, spelling):
    coordinator.post(URL, form("publish"))
    before = Slot.objects.count()

    look = coordinator.post(URL, form("preview", resources=spelling))
    coordinator.post(URL, form("publish", resources=spelling, capacity="2"))
    gone = coordinator.post(URL, form("preview-withdraw", resources=spelling))

    assert "offered already, just so" in words(look)
    assert Slot.objects.count() == before
    assert Slot.objects.filter(resource__in=["chair 11", "chair 12"], capacity=2).count() == 20
    assert "20 places would be offered no longer" in words(gone)


def test_the_form_says_which_places_are_known(coordinator):
    names = dict(coordinator.get(URL).context["known"])

    assert names["Apheresis"][0] == "chair 1"
    beds = names["Bed"]
    assert list(beds) == sorted(beds, key=lambda bed: int(bed.rpartition(" ")[2]))


@pytest.mark.parametrize("act", ["publish", "withdraw"])
def test_a_change_that_takes_a_booked_place_is_refused_and_names_every_one(cast, act):
    therapy = told(cast, Story("told", stop_before="label"))
    booking = Booking.objects.select_related("slot").get(therapy_id=therapy.therapy, code="apheresis")
    client = signed_in(therapy.actor("centre", "coordinator"))
    day = booking.starts_at.date().isoformat()
    shorter = {
        "resources": booking.slot.resource,
        "first": day,
        "last": day,
        "weekdays": [str(booking.starts_at.weekday())],
        "starts": "08:00",
        "length": "0.5",
    }

    look = client.post(URL, form("preview-withdraw" if act == "withdraw" else "preview", **shorter))
    done = client.post(URL, form(act, **shorter))

    assert done.status_code == 409
    assert [one.booked for one in look.context["in_use"]] == [one.booked for one in done.context["in_use"]] == [1]
    assert f"{booking.slot.resource.capitalize()}</b>" in words(done)
    booking.slot.refresh_from_db()
    assert booking.slot.published
    assert booking.slot.ends_at - booking.slot.starts_at == timedelta(hours=7)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"first": "2026-01-01"}, "first"),
        ({"last": "2026-09-01"}, "last"),
        ({"weekdays": []}, "weekdays"),
        ({"starts": "breakfast"}, "starts"),
        ({"starts": "08:00Z"}, "starts"),
        ({"length": "0"}, "length"),
        ({"length": "NaN"}, "length"),
        ({"capacity": "0"}, "capacity"),
        ({"kind": "manufacturing"}, "kind"),
        ({"resources": "x" * 70}, "resources"),
        ({"resources": " ; "}, "resources"),
    ],
)
@pytest.mark.parametrize("act", ["preview", "publish"])
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_published(coordinator, changed, field, act):
    before = Slot.objects.count()

    response = coordinator.post(URL, form(act, **changed))

    assert 400 <= response.status_code < 500
    assert field in response.context["form"].errors
    assert Slot.objects.count() == before


@pytest.mark.parametrize(
    ("code", "role", "kind"),
    [("M0311", "scheduler", "testing"), ("C0205", "dispatcher", "return"), ("X0042", "coordinator", "bed")],
)
def test_each_kind_of_organisation_publishes_its_own_kinds(cast, code, role, kind):
    client = somebody(cast, code, role)

    done = client.post(URL, form("publish", kind=kind, resources="place 900"))

    assert done.status_code == 303
    assert Slot.objects.filter(kind=kind, resource="place 900", party=cast.parties[code]).count() == 10
    assert reverse("capacity_publish") in words(client.get(reverse("capacity")))


@pytest.mark.parametrize(("code", "role"), [("X0042", "nurse"), ("M0311", "operator"), ("P0501", "payer_analyst")])
def test_who_publishes_nothing_may_not_open_it(cast, code, role):
    assert somebody(cast, code, role).get(URL).status_code == 403


@pytest.mark.parametrize(("day", "monday"), [(5, "10 August"), (6, "10 August"), (7, "10 August"), (4, "3 August")])
def test_capacity_opens_on_the_week_of_the_next_working_day(cast, monkeypatch, day, monday):
    monkeypatch.setattr("portal.batches.views.now", lambda: ORDERED_AT + timedelta(days=day))

    page = words(somebody(cast, "M0311", "scheduler").get(reverse("capacity")))

    assert f"{monday} to" in page


def test_a_scheduler_lands_on_what_comes_up_and_not_on_the_same_grid(cast, monkeypatch):
    monkeypatch.setattr("portal.dashboards.ahead.now", lambda: ORDERED_AT + timedelta(days=5))
    therapy = told(cast, Story("booked", stop_before="label"))
    client = signed_in(therapy.actor("maker", "scheduler"))

    page = client.get("/")

    assert page.templates[0].name == "dashboards/scheduler.html"
    assert [str(week.monday) for week in page.context["weeks"]][:2] == ["2026-08-10", "2026-08-17"]
    assert "Coming up" in words(page)
    assert f"{reverse('capacity')}?week=2026-08-10" in words(page)
    assert "Slots of the week" not in words(page)


def test_the_running_week_is_not_short_because_its_days_are_over(cast, monkeypatch):
    friday_evening = ORDERED_AT + timedelta(days=4, hours=12)
    monkeypatch.setattr("portal.dashboards.ahead.now", lambda: friday_evening)

    weeks = somebody(cast, "M0311", "scheduler").get("/").context["weeks"]

    assert any(room.status.kind == "due" for room in weeks[0].rooms)
    assert not weeks[0].is_short


def test_a_scheduler_without_places_is_asked_to_publish_some(cast, monkeypatch):
    monkeypatch.setattr("portal.dashboards.ahead.now", lambda: ORDERED_AT + timedelta(days=900))

    page = words(somebody(cast, "M0311", "scheduler").get("/"))

    assert "No place is published in the weeks ahead" in page
