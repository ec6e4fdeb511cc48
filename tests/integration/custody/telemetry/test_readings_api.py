"""`POST /api/v1/readings`: a logger's batch over HTTP, and an answer to every way in which it can be wrong."""

import json
from datetime import UTC, datetime

import pytest
from django.test import Client

from custody.telemetry.devices import register_device
from custody.telemetry.models import Reading
from tests.factories.people import actor, member, organisation

pytestmark = pytest.mark.django_db
URL = "/api/v1/readings"
ROW = {"seq": 1, "at": "2026-11-22T13:05:00Z", "temperature_c": "-150.25", "tilt": 3}


@pytest.fixture
def logger(at):
    by = actor("dispatcher", organisation("courier"))
    return register_device(serial="TL-2081", kind="logger", by=by, at=at, key="register-1")


@pytest.fixture
def send(logger):
    def post(body, *, authorization=None, content_type="application/json", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Client().post(
            URL,
            raw,
            content_type=content_type,
            headers={"Authorization": authorization or logger.authorization},
            **headers,
        )

    return post


def problem(response, status):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["detail"]
    return body


def test_a_batch_is_taken_and_counted(send, logger):
    response = send({"readings": [ROW, ROW | {"seq": 2, "at": "2026-11-22T13:10:00Z"}]})
    assert response.status_code == 202
    assert response.json() == {
        "accepted": 2,
        "duplicates": 0,
        "conflicts": 0,
        "conflicting_seq": [],
        "ahead_of_clock": 0,
    }
    row = Reading.objects.get(device_id=logger.device.id, seq=1)
    assert (row.temperature_c100, row.at) == (-15_025, datetime(2026, 11, 22, 13, 5, tzinfo=UTC))


def test_a_repeated_batch_is_answered_the_same_way_and_changes_nothing(send):
    send({"readings": [ROW]})
    response = send({"readings": [ROW]})
    assert (response.status_code, response.json()["duplicates"]) == (202, 1)
    assert Reading.objects.count() == 1


def test_a_contradiction_is_reported_by_its_sequence_number(send):
    send({"readings": [ROW]})
    answer = send({"readings": [ROW | {"temperature_c": "-120"}]}).json()
    assert (answer["accepted"], answer["conflicts"], answer["conflicting_seq"]) == (0, 1, [1])


def test_a_faulty_reading_stops_the_batch_and_is_named(send):
    body = problem(send({"readings": [ROW, ROW | {"seq": 2, "temperature_c": 4.1}]}), 422)
    assert body["errors"] == [
        {
            "reading": 2,
            "field": "temperature_c",
            "found": "“4.1”",
            "right": 'write a decimal as text, for example "4.12"',
            "detail": 'Reading 2, temperature_c: found “4.1”; write a decimal as text, for example "4.12"',
        }
    ]
    assert body["total"] == 1
    assert not Reading.objects.exists()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'{"readings": "x"}', b"[" * 100_000, b'"\\ud800"'])
def test_what_is_no_batch_is_a_clear_four_hundred(send, raw):
    assert problem(send(raw), 422)["detail"].startswith("Nothing was stored.")


def test_too_many_readings_are_too_large(send):
    assert "5,001 readings" in problem(send({"readings": [ROW] * 5_001}), 413)["detail"]


def test_too_many_bytes_are_too_large(send, settings):
    settings.INGEST_MAX_BYTES = 1_000
    assert "larger than 1,000 bytes" in problem(send({"readings": [ROW] * 50}), 413)["detail"]


def test_another_kind_of_content_is_not_read(send):
    problem(send(b"seq,time", content_type="text/csv"), 415)


@pytest.mark.parametrize("header", ["", "Device x.y", "Basic eDp5", "Device 00000000-0000-0000-0000-000000000000.k"])
def test_who_does_not_say_truly_who_it_is_is_not_let_in(send, header):
    response = send({"readings": [ROW]}, authorization=header or "none")
    body = problem(response, 401)
    assert response["WWW-Authenticate"] == "Device"
    assert "Authorization: Device <id>.<key>" in body["detail"]
    assert not Reading.objects.exists()


def test_a_person_s_session_is_no_device(client):
    held = member("courier", organisation("courier"))
    client.force_login(held.user)
    problem(client.post(URL, json.dumps({"readings": [ROW]}), content_type="application/json"), 401)


def test_readings_are_only_sent_never_fetched(send, logger):
    response = Client().get(URL, headers={"Authorization": logger.authorization})
    problem(response, 405)
