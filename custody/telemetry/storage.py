"""Writing readings in bulk. One statement a batch on PostgreSQL, one prepared statement on SQLite.

A reading is known by its device and sequence number; what came before stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from custody.telemetry.models import Reading, ReadingConflict
from custody.telemetry.reading import NewReading

_COLUMNS = "device_id, seq, at, temperature_c100, tilt_degrees, latitude_e6, longitude_e6, shock_g, received_at"
_POSTGRESQL = (
    f"INSERT INTO custody_reading ({_COLUMNS}) "  # noqa: S608 (the text is ours, every value a parameter)
    "SELECT %s, r.seq, to_timestamp(r.at), r.temperature, r.tilt, r.latitude, r.longitude, r.shock, %s "
    "FROM UNNEST(%s::bigint[], %s::bigint[], %s::int[], %s::smallint[], %s::int[], %s::int[], %s::smallint[]) "
    "AS r(seq, at, temperature, tilt, latitude, longitude, shock) "
    "ON CONFLICT (device_id, seq) DO NOTHING"
)
_SQLITE = f"INSERT OR IGNORE INTO custody_reading ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_SQLITE_VARIABLES = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def insert(device: UUID, readings: Sequence[NewReading], *, received_at: datetime) -> int:
    """Store what is new. Returns how many rows were added."""
    if connection.vendor == "postgresql":
        return _insert_postgresql(device, readings, received_at)
    return _insert_sqlite(device, readings, received_at)


def _insert_postgresql(device: UUID, readings: Sequence[NewReading], received_at: datetime) -> int:
    if any(reading.latitude_e6 is not None for reading in readings):
        latitudes = [reading.latitude_e6 for reading in readings]
        longitudes = [reading.longitude_e6 for reading in readings]
    else:
        latitudes = longitudes = []  # UNNEST fills the shorter arrays with nulls.
    shocks = [reading.shock_g for reading in readings] if any(r.shock_g is not None for r in readings) else []
    with connection.cursor() as cursor:
        cursor.execute(
            _POSTGRESQL,
            [
                device,
                received_at,
                [reading.seq for reading in readings],
                # Seconds since 1970 travel much faster than a time each, and readings are to the second.
                [_seconds(reading.at) for reading in readings],
                [reading.temperature_c100 for reading in readings],
                [reading.tilt_degrees for reading in readings],
                latitudes,
                longitudes,
                shocks,
            ],
        )
        return int(cursor.rowcount)


def _seconds(moment: datetime) -> int:
    elapsed = moment - _EPOCH
    return elapsed.days * 86_400 + elapsed.seconds


def _insert_sqlite(device: UUID, readings: Sequence[NewReading], received_at: datetime) -> int:
    received = _text(received_at)
    rows = [
        (
            device.hex,
            reading.seq,
            _text(reading.at),
            reading.temperature_c100,
            reading.tilt_degrees,
            reading.latitude_e6,
            reading.longitude_e6,
            reading.shock_g,
            received,
        )
        for reading in readings
    ]
    with connection.cursor() as cursor:
        # The driver's own cursor: Django's would look for placeholders to rewrite in each of the rows.
        inner = cursor.cursor.connection.cursor()
        try:
            inner.executemany(_SQLITE, rows)
            return int(inner.rowcount)
        finally:
            inner.close()


def _text(moment: datetime) -> str:
    """A time as Django keeps it in SQLite."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


def stored(device: UUID, sequence_numbers: Sequence[int]) -> dict[int, NewReading]:
    """What stands in the table under these sequence numbers."""
    found: dict[int, NewReading] = {}
    for start in range(0, len(sequence_numbers), _SQLITE_VARIABLES):
        rows = Reading.objects.filter(device_id=device, seq__in=sequence_numbers[start : start + _SQLITE_VARIABLES])
        for reading in map(_reading, rows.values_list(*FIELDS)):
            found[reading.seq] = reading
    return found


FIELDS = ("seq", "at", "temperature_c100", "tilt_degrees", "latitude_e6", "longitude_e6", "received_at", "shock_g")


def _reading(row: tuple[int, datetime, int, int, int | None, int | None, datetime, int | None]) -> NewReading:
    return NewReading(*row)


def between(device: UUID, start: datetime, end: datetime) -> list[NewReading]:
    """A device's readings from `start` to `end`, both included, in order of time."""
    rows = Reading.objects.filter(device_id=device, at__gte=start, at__lte=end).order_by("at", "seq")
    return [_reading(row) for row in rows.values_list(*FIELDS)]


def keep_conflicts(device: UUID, readings: Sequence[NewReading], *, received_at: datetime) -> None:
    """Keep readings that contradict what stands, once each, as evidence."""
    ReadingConflict.objects.bulk_create(
        [
            ReadingConflict(
                device_id=device,
                seq=reading.seq,
                at=reading.at,
                temperature_c100=reading.temperature_c100,
                tilt_degrees=reading.tilt_degrees,
                shock_g=reading.shock_g,
                received_at=received_at,
            )
            for reading in readings
        ],
        ignore_conflicts=True,
    )
