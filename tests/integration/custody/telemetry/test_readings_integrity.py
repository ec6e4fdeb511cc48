"""Somebody changes readings, secrets or signatures behind the ledger's back, and is found out by name."""

from datetime import timedelta

import pytest
from django.db import connection

from custody.telemetry import integrity
from custody.telemetry.models import Reading, ReadingsCommitment, ReadingsSecret
from custody.telemetry.operations import commit_readings, ingest
from custody.telemetry.reading import NewReading
from custody.telemetry.simulation import readings_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def committed_leg(under_way):
    received_at = under_way.receive()
    shipment = under_way.shipment
    readings = readings_for(under_way.leg, shipment.packed_at, received_at, 600)
    ingest(device=shipment.logger_id, readings=readings, at=received_at)
    commit_readings(
        therapy=under_way.therapy,
        leg="outbound",
        by=under_way.actor("maker", "operator"),
        at=received_at,
        key="commit-outbound",
    )
    return under_way


def found():
    return [str(finding) for finding in integrity.findings()]


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_untouched_readings_hold_also_with_a_late_one(committed_leg):
    late = NewReading(1, committed_leg.shipment.packed_at + timedelta(seconds=1), 900, 0)
    ingest(device=committed_leg.shipment.logger_id, readings=[late], at=committed_leg.shipment.received_at)
    assert found() == []


@pytest.mark.parametrize("column", ["temperature_c100", "tilt_degrees"])
def test_a_changed_reading_is_named(committed_leg, column):
    seq = Reading.objects.order_by("seq").values_list("seq", flat=True)[3]
    run(f"UPDATE custody_reading SET {column} = {column} + 1 WHERE seq = %s", seq)
    (finding,) = found()
    assert finding.startswith(f"custody_reading {committed_leg.shipment.logger_id} {seq}: says ")


def test_a_deleted_reading_is_named(committed_leg):
    seq = Reading.objects.order_by("seq").values_list("seq", flat=True)[3]
    run("DELETE FROM custody_reading WHERE seq = %s", seq)
    assert found() == [f"custody_reading {committed_leg.shipment.logger_id} {seq}: is missing, but was committed"]


def test_a_changed_or_missing_secret_is_named(committed_leg):
    row = ReadingsSecret.objects.get()
    damaged = bytearray(row.sealed)
    damaged[-1] ^= 1
    ReadingsSecret.objects.update(sealed=bytes(damaged))
    (finding,) = found()
    assert "cannot be opened" in finding
    ReadingsSecret.objects.all().delete()
    (finding,) = found()
    assert "is missing" in finding


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"root": "12345"}, "the root is not that of the committed readings"),
        ({"series": "0" * 64}, "holds other readings than the record committed"),
        ({"count": 1}, "holds other readings than the record committed"),
        ({"signature": {"r8x": "0", "r8y": "1", "s": "5"}}, "the logger's signature does not fit the root"),
    ],
)
def test_a_changed_commitment_is_named(committed_leg, change, words):
    ReadingsCommitment.objects.update(**change)
    (finding,) = found()
    assert words in finding
