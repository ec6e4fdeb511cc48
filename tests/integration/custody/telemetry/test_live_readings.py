"""What the organisations of a therapy see of a shipment: live state, figure, report; and bringing a logger's file."""

from datetime import UTC, timedelta

import pytest

from custody.telemetry import queries
from custody.telemetry.models import Reading
from custody.telemetry.operations import ingest, upload_logger_file
from custody.telemetry.permissions import LegNotFound
from custody.telemetry.problems import BadReadings
from custody.telemetry.reading import NewReading
from custody.telemetry.rules import Verdict
from custody.telemetry.simulation import readings_for
from custody.therapies.models import Therapy
from ledger.errors import NotPermitted

pytestmark = pytest.mark.django_db


def log(journey, minutes, kind="calm", interval_s=120):
    shipment = journey.shipment
    end = shipment.packed_at + timedelta(minutes=minutes)
    readings = readings_for(journey.leg, shipment.packed_at, end, interval_s, kind, seed=2)
    ingest(device=shipment.logger_id, readings=readings, at=end)
    return readings


def live(journey, minutes, by=None):
    by = by or journey.actor("courier_outbound", "courier")
    return queries.live_state(
        by=by, therapy=journey.therapy, at=journey.shipment.packed_at + timedelta(minutes=minutes)
    )


def test_the_live_state_says_what_was_last_heard_and_how_long_is_left(under_way):
    readings = log(under_way, 120)
    state = live(under_way, 121)
    assert state.last.at == readings[-1].at
    assert (state.interval_seconds, state.silence_seconds, state.is_silent) == (120, 60, False)
    assert (state.minutes_outside, state.budget_minutes, state.budget_left_minutes) == (0, 60, 60)
    collected_at = Therapy.objects.get(pk=under_way.therapy).collected_at
    kept = under_way.shipment.packed_at - collected_at
    assert timedelta(0) < kept < timedelta(hours=72)
    assert state.hold_left_minutes == (timedelta(hours=72) - kept - timedelta(minutes=121)) // timedelta(minutes=1)
    assert not state.is_outside


def test_two_intervals_without_a_word_are_silence(under_way):
    log(under_way, 120)
    assert not live(under_way, 124).is_silent
    assert live(under_way, 125).is_silent


def test_a_logger_that_was_never_heard_is_silent(under_way):
    state = live(under_way, 11)
    assert state.last is None
    assert state.is_silent
    assert state.report.verdict is Verdict.NO_READINGS


def test_time_outside_uses_up_the_budget(under_way):
    log(under_way, 60)
    start = under_way.shipment.packed_at + timedelta(minutes=60)
    warm = [NewReading(10 + n, start + timedelta(minutes=2 * n), 950, 0) for n in range(1, 11)]
    ingest(device=under_way.shipment.logger_id, readings=warm, at=start + timedelta(minutes=20))
    state = live(under_way, 80)
    assert state.is_outside
    assert (state.minutes_outside, state.budget_left_minutes) == (19, 41)


def test_once_received_nothing_is_live(under_way):
    log(under_way, 60)
    under_way.receive()
    assert live(under_way, 5_000) is None


def test_only_the_therapy_s_organisations_and_the_regulator_see_it(under_way):
    log(under_way, 60)
    at = under_way.shipment.packed_at + timedelta(minutes=60)
    inspector = under_way.cast.actor(under_way.cast.of_kind("regulator")[0].id, "inspector")
    for by in (under_way.actor("centre", "nurse"), under_way.actor("maker", "qa"), inspector):
        assert queries.leg_report(by=by, therapy=under_way.therapy, leg="outbound", at=at).count > 0
        assert queries.chart(by=by, therapy=under_way.therapy, leg="outbound", at=at)["points"]
    stranger = under_way.stranger("manufacturer", "qa")
    for query in (queries.leg_report, queries.leg_readings, queries.chart):
        with pytest.raises(LegNotFound):
            query(by=stranger, therapy=under_way.therapy, leg="outbound", at=at)
    with pytest.raises(LegNotFound):
        live(under_way, 10, by=stranger)


def test_a_leg_that_is_not_packed_or_does_not_exist_is_not_found(under_way):
    by = under_way.actor("centre", "nurse")
    for leg in ("return", "sideways"):
        with pytest.raises(LegNotFound):
            queries.leg_report(by=by, therapy=under_way.therapy, leg=leg, at=under_way.shipment.packed_at)


def test_hand_overs_are_marked_on_the_figure(under_way):
    log(under_way, 60)
    received_at = under_way.receive()
    by = under_way.actor("centre", "nurse")
    marks = queries.chart(by=by, therapy=under_way.therapy, leg="outbound", at=received_at)["marks"]
    assert marks[0]["label"] == "Sealed"
    assert [mark["label"].split(" by ")[0] for mark in marks[1:]] == ["Taken over"] * (len(marks) - 1)
    assert marks[-1]["at"] == received_at


def csv_of(readings):
    rows = [
        f"{r.at:%Y-%m-%d %H:%M:%S};{r.temperature_c100 / 100:.2f};{r.tilt_degrees}".replace(".", ",") for r in readings
    ]
    return "\n".join(["Time (UTC);Temp °C;Tilt", *rows]).encode()


def upload(journey, raw, by=None):
    by = by or journey.actor("courier_outbound", "courier")
    at = journey.shipment.packed_at + timedelta(hours=5)
    return upload_logger_file(therapy=journey.therapy, leg="outbound", raw=raw, by=by, at=at, zone=UTC)


def test_a_logger_s_file_brings_its_readings_once(under_way):
    shipment = under_way.shipment
    readings = readings_for(under_way.leg, shipment.packed_at, shipment.packed_at + timedelta(hours=4))
    first, again = upload(under_way, csv_of(readings)), upload(under_way, csv_of(readings))
    assert (first.result.accepted, again.result.accepted) == (len(readings), 0)
    assert first.file.delimiter == "semicolon"
    assert Reading.objects.filter(device_id=shipment.logger_id).count() == len(readings)


def test_nothing_of_a_file_with_a_fault_is_stored(under_way):
    shipment = under_way.shipment
    readings = readings_for(under_way.leg, shipment.packed_at, shipment.packed_at + timedelta(hours=4))
    with pytest.raises(BadReadings, match="Line 2"):
        upload(under_way, csv_of(readings).replace(b",", b"?", 1))
    assert not Reading.objects.exists()


def test_only_who_may_bring_readings_to_this_therapy_uploads_a_file(under_way):
    with pytest.raises(NotPermitted):
        upload(under_way, b"", by=under_way.actor("centre", "nurse"))
    with pytest.raises(LegNotFound):
        upload(under_way, b"", by=under_way.stranger("courier", "courier"))
