"""How fast readings are taken in, against the fastest statement that stores them at all (issue: at least a quarter)."""

import time
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from custody.telemetry.models import Reading
from custody.telemetry.operations import ingest
from custody.telemetry.reading import NewReading

ROWS, BATCH, ROUNDS = 5_000, 500, 5
T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
RAW = (
    "INSERT INTO bench_reading (device_id, seq, at, temperature_c100, tilt_degrees, latitude_e6, longitude_e6,"
    " received_at) SELECT %s, u.seq, to_timestamp(u.at), u.temperature, u.tilt, NULL, NULL, %s"
    " FROM UNNEST(%s::bigint[], %s::bigint[], %s::int[], %s::smallint[]) AS u(seq, at, temperature, tilt)"
    " ON CONFLICT (device_id, seq) DO NOTHING"
)


def _raw_batches():
    """The baseline's arrays, made before the clock starts."""
    start = int(T0.timestamp())
    for first in range(0, ROWS, BATCH):
        numbers = list(range(first, first + BATCH))
        yield [numbers, [start + 60 * n for n in numbers], [500 + n % 40 for n in numbers], [n % 9 for n in numbers]]


def _rows_a_second(work):
    started = time.perf_counter()
    work()
    return ROWS / (time.perf_counter() - started)


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_ingestion_is_at_least_a_quarter_of_a_raw_insert():
    readings = [NewReading(n, T0 + timedelta(minutes=n), 500 + n % 40, n % 9) for n in range(ROWS)]
    batches = [readings[first : first + BATCH] for first in range(0, ROWS, BATCH)]
    raw_batches = list(_raw_batches())
    settings = connection.settings_dict
    place = {"host": settings["HOST"], "port": settings["PORT"] or 5432, "user": settings["USER"]}
    ours, raws = [], []
    with psycopg.connect(
        dbname=settings["NAME"], password=settings["PASSWORD"] or None, autocommit=True, **place
    ) as raw:
        # The same columns, constraints and indexes: the same work for the server.
        raw.execute("CREATE TABLE bench_reading (LIKE custody_reading INCLUDING ALL)")
        try:
            for _ in range(ROUNDS):
                raw_device, device = uuid4(), uuid4()
                raws.append(_rows_a_second(lambda d=raw_device: [raw.execute(RAW, [d, T0, *b]) for b in raw_batches]))
                ours.append(_rows_a_second(lambda d=device: [ingest(device=d, readings=b, at=T0) for b in batches]))
            (stored,) = raw.execute("SELECT count(*) FROM bench_reading").fetchone()
        finally:
            raw.execute("DROP TABLE bench_reading")
    ratio = median(ours) / median(raws)
    print(
        f"\nreading ingestion: {median(ours):,.0f} rows/s, raw {median(raws):,.0f} rows/s, ratio {ratio:.2f} (≥ 0.25)"
    )
    assert stored == Reading.objects.count() == ROWS * ROUNDS
    assert ratio >= 0.25
