"""`manage.py simulate`: shipments under way get readings, over HTTP as from real loggers or directly."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from custody.telemetry import storage
from custody.telemetry.models import Reading
from custody.telemetry.rules import evaluate
from ledger import clock


@pytest.fixture
def two_hours_later(under_way, monkeypatch):
    moment = under_way.shipment.packed_at + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


def simulate(*arguments):
    out = StringIO()
    call_command("simulate", "--rounds", "1", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_shipment_under_way_gets_its_readings_once(under_way, two_hours_later, monkeypatch):
    said = simulate("--direct", "--kind", "calm")
    assert "120 of 120 readings taken (calm)" in said
    assert "nothing new" in simulate("--direct", "--kind", "calm")
    monkeypatch.setattr(clock, "now", lambda: two_hours_later + timedelta(minutes=5))
    assert "5 of 5 readings taken" in simulate("--direct", "--kind", "calm")


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["excursion", "gap", "tilt"])
def test_a_trouble_shows_in_the_readings(under_way, two_hours_later, kind):
    simulate("--direct", "--kind", kind)
    shipment = under_way.shipment
    readings = storage.between(shipment.logger_id, shipment.packed_at, two_hours_later)
    report = evaluate(leg=under_way.leg, readings=readings, start=shipment.packed_at, end=two_hours_later)
    assert {"excursion": report.excursions, "gap": report.gaps, "tilt": report.tilts}[kind]


@pytest.mark.django_db(transaction=True)
def test_readings_take_the_whole_way_over_http(under_way, two_hours_later, live_server):
    said = simulate("--url", live_server.url, "--kind", "calm", "--every", "300")
    assert "24 of 24 readings taken" in said
    assert Reading.objects.filter(device_id=under_way.shipment.logger_id).count() == 24


@pytest.mark.django_db
def test_a_portal_that_does_not_answer_is_tried_again(under_way, two_hours_later, free_port):
    assert "cannot be reached" in simulate("--url", f"http://127.0.0.1:{free_port}")


@pytest.mark.django_db
def test_production_has_no_simulated_readings(settings):
    settings.DEMONSTRATION = False
    with pytest.raises(CommandError, match="demonstration only"):
        simulate("--direct")


@pytest.mark.parametrize("arguments", [["--every", "0"], ["--url", "ftp://x"], ["--pause", "-1"]])
def test_options_that_make_no_sense_are_refused(arguments):
    with pytest.raises(CommandError, match="Give --"):
        simulate(*arguments)
