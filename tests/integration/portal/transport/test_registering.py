"""A logger registered on a screen: its key is shown once, and opens the readings' door."""

from __future__ import annotations

import json

import pytest

from custody.telemetry.models import Device, Reading
from ledger.ids import uuid7
from portal.accounts.demonstration import PASSWORD
from tests.factories.screens import somebody
from tests.factories.therapies import small_consortium

pytestmark = pytest.mark.django_db
URL = "/loggers/new/"


@pytest.fixture
def cast():
    return small_consortium(days=1)


def form(serial="L-9001", **changed):
    return {
        "serial": serial,
        "kind": "logger",
        "idempotency_key": str(uuid7()),
        "signing_password": PASSWORD,
    } | changed


def words(response):
    return " ".join(response.content.decode().split())


def test_the_key_that_is_shown_lets_the_logger_in(cast, client):
    shown = somebody(cast, "C0205", "dispatcher").post(URL, form())

    assert shown.status_code == 200
    assert shown["Cache-Control"] == "no-store"
    reading = {"seq": 1, "at": "2026-08-03T08:00:00Z", "temperature_c": "4.1", "tilt": 1}
    taken = client.post(
        "/api/v1/readings",
        json.dumps({"readings": [reading]}),
        content_type="application/json",
        headers={"Authorization": shown.context["authorization"]},
    )
    assert taken.status_code == 202
    assert Reading.objects.filter(device__serial="L-9001").count() == 1


def test_sent_twice_the_key_is_shown_once_and_one_device_stands(cast):
    dispatcher, sent = somebody(cast, "C0205", "dispatcher"), form()

    first, again = dispatcher.post(URL, sent), dispatcher.post(URL, sent)

    assert first.context["authorization"]
    assert again.status_code == 200
    assert not again.context["authorization"]
    assert "This form was sent twice" in words(again)
    assert Device.objects.filter(serial="L-9001").count() == 1


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"serial": "x"}, 400, "serial"),
        ({"serial": "<script>"}, 400, "serial"),
        ({"serial": ""}, 422, "serial"),
        ({"serial": "L-0501"}, 409, "serial"),
        ({"kind": "toaster"}, 422, "kind"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(cast, changed, status, field):
    before = Device.objects.count()

    response = somebody(cast, "C0205", "dispatcher").post(URL, form(**changed))

    assert response.status_code in {status, 422}
    assert field in response.context["form"].errors
    assert Device.objects.count() == before


def test_only_who_looks_after_devices_registers_them(cast):
    assert somebody(cast, "C0205", "courier").get(URL).status_code == 403
    assert somebody(cast, "X0042", "administrator").get(URL).status_code == 200


def reading_sent(client, authorization):
    reading = {"seq": 7, "at": "2026-08-03T08:00:00Z", "temperature_c": "4.1", "tilt": 1}
    return client.post(
        "/api/v1/readings",
        json.dumps({"readings": [reading]}),
        content_type="application/json",
        headers={"Authorization": authorization},
    ).status_code


def test_a_new_key_ends_the_old_one_at_once(cast, client):
    dispatcher = somebody(cast, "C0205", "dispatcher")
    old = dispatcher.post(URL, form()).context["authorization"]
    device = Device.objects.get(serial="L-9001")

    shown = dispatcher.post(
        f"/loggers/{device.pk}/key/", {"idempotency_key": str(uuid7()), "signing_password": PASSWORD}
    )

    assert "has a new key" in words(shown)
    assert shown["Cache-Control"] == "no-store"
    assert reading_sent(client, old) == 401
    assert reading_sent(client, shown.context["authorization"]) == 202


def test_another_couriers_logger_gets_no_key_from_here(cast):
    theirs = Device.objects.exclude(party=cast.parties["C0205"].id).first()

    answer = somebody(cast, "C0205", "dispatcher").get(f"/loggers/{theirs.pk}/key/")

    assert answer.status_code == 404


def test_looking_at_the_page_changes_no_key(cast, client):
    dispatcher = somebody(cast, "C0205", "dispatcher")
    old = dispatcher.post(URL, form()).context["authorization"]

    page = dispatcher.get(f"/loggers/{Device.objects.get(serial='L-9001').pk}/key/")

    assert "The old key stops working at once" in words(page)
    assert reading_sent(client, old) == 202
