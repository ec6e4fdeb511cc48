"""Storing readings: once each, whatever comes twice, late, or said differently."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custody.telemetry import storage
from custody.telemetry.models import Reading, ReadingConflict
from custody.telemetry.operations import IngestResult, ingest
from custody.telemetry.reading import NewReading

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AT = T0 + timedelta(hours=2)


def reading(seq, c100=500, **more):
    return NewReading(seq, T0 + timedelta(minutes=seq), c100, 3, **more)


def content(device):
    return {
        row[0]: (*row[1:6], row[7]) for row in Reading.objects.filter(device_id=device).values_list(*storage.FIELDS)
    }


def test_a_reading_is_stored_as_it_came():
    device = uuid4()
    placed = reading(1, -15_025, latitude_e6=53_551_086, longitude_e6=-9_993_682)
    assert ingest(device=device, readings=[placed, reading(2)], at=AT) == IngestResult(2, 0, (), 0)
    first, second = storage.between(device, T0, AT)
    assert first == NewReading(1, T0 + timedelta(minutes=1), -15_025, 3, 53_551_086, -9_993_682, AT)
    assert (second.latitude_e6, second.longitude_e6, second.received_at) == (None, None, AT)


def test_sending_again_changes_nothing():
    device = uuid4()
    batch = [reading(seq) for seq in range(30)]
    ingest(device=device, readings=batch[:20], at=AT)
    again = ingest(device=device, readings=batch, at=AT + timedelta(hours=1))
    assert again == IngestResult(10, 20, (), 0)
    assert Reading.objects.filter(device_id=device, received_at=AT).count() == 20
    assert not ReadingConflict.objects.exists()


def test_the_same_reading_twice_in_one_batch_is_one():
    device = uuid4()
    assert ingest(device=device, readings=[reading(1), reading(1), reading(2)], at=AT) == IngestResult(2, 1, (), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"c100": 501},
        {"latitude_e6": 1, "longitude_e6": 1},
    ],
)
def test_what_contradicts_an_earlier_reading_is_reported_and_kept_apart(change):
    device = uuid4()
    ingest(device=device, readings=[reading(1), reading(2)], at=AT)
    result = ingest(device=device, readings=[reading(1, **change), reading(2), reading(3)], at=AT)
    assert result == IngestResult(1, 1, (1,), 0)
    assert content(device)[1] == reading(1).content, "the first one stands"
    assert ReadingConflict.objects.filter(device_id=device, seq=1).count() == 1
    ingest(device=device, readings=[reading(1, **change)], at=AT)
    assert ReadingConflict.objects.filter(device_id=device).count() == 1, "a contradiction is kept once"


def test_a_contradiction_within_one_batch_is_reported_too():
    device = uuid4()
    assert ingest(device=device, readings=[reading(1, 400), reading(1, 900)], at=AT) == IngestResult(1, 0, (1,), 0)
    assert content(device)[1][1] == 400


def test_two_loggers_may_use_the_same_sequence_numbers():
    first, second = uuid4(), uuid4()
    ingest(device=first, readings=[reading(1, 400)], at=AT)
    assert ingest(device=second, readings=[reading(1, 900)], at=AT).accepted == 1


def test_readings_from_the_future_are_kept_and_counted():
    device = uuid4()
    result = ingest(device=device, readings=[reading(1), reading(400)], at=AT)
    assert (result.accepted, result.ahead) == (2, 1)
    assert [found.is_ahead for found in storage.between(device, T0, T0 + timedelta(days=1))] == [False, True]


def test_no_readings_are_no_readings():
    assert ingest(device=uuid4(), readings=[], at=AT) == IngestResult(0, 0, (), 0)


batches = st.lists(
    st.lists(st.builds(lambda seq, c100: reading(seq, c100), st.integers(0, 6), st.integers(100, 102)), max_size=8),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
def test_the_first_word_stands_and_every_reading_is_accounted_for(several):
    device, known = uuid4(), {}
    for batch in several:
        fresh = {}
        for one in batch:
            fresh.setdefault(one.seq, one)
        expected = sum(seq not in known for seq in fresh)
        for seq, one in fresh.items():
            known.setdefault(seq, one)
        result = ingest(device=device, readings=batch, at=AT)
        assert result.accepted == expected
        assert set(result.conflicts) == {one.seq for one in batch if one.content != known[one.seq].content}
        clashes = sum(one.content != known[one.seq].content for one in batch)
        assert result.accepted + result.duplicates + clashes == len(batch)
    assert content(device) == {seq: one.content for seq, one in known.items()}


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_eight_gateways_with_the_same_readings_store_each_once():
    device, results = uuid4(), []
    batch = [reading(seq) for seq in range(500)]

    def send():
        try:
            results.append(ingest(device=device, readings=batch, at=AT))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert sum(result.accepted for result in results) == 500
    assert sum(result.duplicates for result in results) == 7 * 500
    assert Reading.objects.filter(device_id=device).count() == 500
