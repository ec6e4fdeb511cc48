"""Comparing the readings in the tables with what was committed of them: the part of `verify` for this room.

`ReadingsCommitment` itself mirrors records and is compared by the ledger. Here its secret has to open it, and every
reading that it covers has to stand in the table as it was committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

from custody.telemetry import committed, storage
from custody.telemetry.committed import CommittedSeries
from custody.telemetry.models import Device, ReadingsCommitment
from custody.telemetry.reading import NewReading
from ledger.crypto.errors import VerificationError
from ledger.log.finding import Finding
from ledger.proofs.babyjubjub import PublicKey, Signature, verify
from ledger.proofs.field import format_element

Progress = Callable[[str, int], None]
_SECRET = "custody_readingssecret"  # noqa: S105 (the name of a table)


def findings(progress: Progress | None = None) -> Iterator[Finding]:
    """Every reading, secret and signature that is not what was committed; nothing when all holds."""
    for row in ReadingsCommitment.objects.order_by("committed_at", "id").iterator():
        yield from check_commitment(row)
        if progress is not None:
            progress("readings", 1)


def check_commitment(row: ReadingsCommitment) -> Iterator[Finding]:
    """One leg: secret, commitments, signature, readings."""
    name = f"{row.therapy_id} {row.leg}"
    try:
        series = committed.find(row.therapy_id, row.leg)
    except (VerificationError, ValueError, KeyError) as problem:
        yield Finding(_SECRET, name, f"cannot be opened: {problem}")
        return
    if series is None:
        yield Finding(_SECRET, name, "is missing, so the readings can no longer be shown or proven")
        return
    if series.series_commitment(row.therapy_id, row.leg) != row.series or len(series.readings) != row.count:
        yield Finding(_SECRET, name, "holds other readings than the record committed")
        return
    if row.signature is not None:
        yield from _check_root(row, series, name)
    yield from _check_rows(row.device_id, series)


def _check_root(row: ReadingsCommitment, series: CommittedSeries, name: str) -> Iterator[Finding]:
    device = Device.objects.filter(pk=row.device_id).first()
    if device is None:
        yield Finding("custody_device", str(row.device_id), "is missing, but readings of it are committed")
        return
    public = PublicKey(int(device.bjj_x), int(device.bjj_y))
    root = series.root(row.therapy_id, public)
    if format_element(root) != row.root:
        yield Finding("custody_readingscommitment", name, "the root is not that of the committed readings")
        return
    signed = row.signature or {}
    if not verify(public, root, Signature((int(signed["r8x"]), int(signed["r8y"])), int(signed["s"]))):
        yield Finding("custody_readingscommitment", name, "the logger's signature does not fit the root")


def _check_rows(device: UUID, series: CommittedSeries) -> Iterator[Finding]:
    stands = storage.stored(device, [reading.seq for reading in series.readings])
    for reading in series.readings:
        row = f"{device} {reading.seq}"
        found = stands.get(reading.seq)
        if found is None:
            yield Finding("custody_reading", row, "is missing, but was committed")
        elif _said(found) != _said(reading):
            yield Finding(
                "custody_reading",
                row,
                f"says {_words(found)}, committed were {_words(reading)}",
            )


def _said(reading: NewReading) -> tuple[datetime, int, int, int | None]:
    return reading.at, reading.temperature_c100, reading.tilt_degrees, reading.shock_g


def _words(reading: NewReading) -> str:
    shock = "" if reading.shock_g is None else f", a shock of {reading.shock_g} g"
    tilt, at = reading.tilt_degrees, f"{reading.at:%Y-%m-%d %H:%M:%S}"
    return f"{reading.temperature_c100} × 0.01 °C and {tilt}°{shock} at {at}"
