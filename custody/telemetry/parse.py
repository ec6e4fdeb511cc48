"""The JSON batch of the HTTP interface → readings, or a list of what is wrong. Pure.

`{"readings": [{"seq": 1, "at": "2026-11-22T13:05:00Z", "temperature_c": "4.12", "tilt": 3, "shock_g": 2,
"lat": "53.5511", "lon": "9.9937"}]}`; shock and position may be left out. Quantities are decimal text, never JSON
numbers with a fraction: those lose digits on the way (RFC 8259 §6). Members named twice are refused, as two readers
would see two batches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from custody.telemetry import quantities
from custody.telemetry.problems import BadReadings, Faults, Problem, TooLarge, shown
from custody.telemetry.reading import NewReading

BATCH_MAX = 5_000
MEMBERS = frozenset({"seq", "at", "temperature_c", "tilt", "shock_g", "lat", "lon"})
REQUIRED = ("seq", "at", "temperature_c", "tilt")
_UNIT = "reading"
_LIMIT = "send at most 5,000 readings a batch, the rest in further batches"

T = TypeVar("T")


class _Fraction:
    """A JSON number that is no whole number, kept as it was written, to be refused where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def batch(raw: bytes) -> list[NewReading]:
    """The readings of a batch. Raises BadReadings with every fault (up to 50), or TooLarge."""
    rows = _rows(raw)
    faults = Faults(unit=_UNIT)
    readings = [reading for place, row in enumerate(rows, 1) if (reading := _reading(place, row, faults)) is not None]
    faults.raise_any()
    return readings


def _rows(raw: bytes) -> list[Any]:
    try:
        document = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object, parse_float=_Fraction, parse_constant=_constant
        )
    except UnicodeDecodeError as problem:
        _refuse(f"a byte that is not UTF-8 at {problem.start}", "send JSON in UTF-8")
    except RecursionError:
        _refuse("lists within lists, very deep", "send one list of readings")
    except json.JSONDecodeError as problem:
        _refuse(f"{problem.msg} at line {problem.lineno}, column {problem.colno}", "send well-formed JSON (RFC 8259)")
    except ValueError as problem:
        _refuse(problem, "send well-formed JSON (RFC 8259)")
    if not isinstance(document, dict) or set(document) != {"readings"} or not isinstance(document["readings"], list):
        names = ", ".join(map(str, document)) if isinstance(document, dict) else type(document).__name__
        _refuse(names, 'send an object with one member, {"readings": […]}')
    rows: list[Any] = document["readings"]
    if not rows:
        _refuse("no readings", "send 1 to 5,000 readings")
    if len(rows) > BATCH_MAX:
        raise TooLarge([Problem(0, "readings", shown(f"{len(rows):,} readings"), _LIMIT, _UNIT)])
    return rows


def _refuse(found: object, right: str) -> NoReturn:
    raise BadReadings([Problem(0, "", shown(found), right, _UNIT)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member that is named twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no JSON number")


def _reading(place: int, row: object, faults: Faults) -> NewReading | None:
    if not isinstance(row, dict):
        faults.add(place, "", row, "a reading is an object with seq, at, temperature_c and tilt")
        return None
    for name in row.keys() - MEMBERS:
        faults.add(place, shown(name), "a member that is not known", f"use {', '.join(sorted(MEMBERS))}")
    for name in REQUIRED:
        if row.get(name) is None:
            faults.add(place, name, None, f"send {name} with every reading")
    if (row.get("lat") is None) != (row.get("lon") is None):
        faults.add(place, "lat, lon", "one of the two", "send both or neither")
    seq = _value(place, row, "seq", faults, _whole(quantities.sequence))
    at = _value(place, row, "at", faults, _text(quantities.moment))
    temperature = _value(place, row, "temperature_c", faults, _decimal_text(quantities.temperature_c100))
    tilt = _value(place, row, "tilt", faults, _whole(quantities.tilt_degrees))
    shock = _value(place, row, "shock_g", faults, _whole(quantities.shock_g))
    latitude = _value(place, row, "lat", faults, _decimal_text(quantities.latitude_e6))
    longitude = _value(place, row, "lon", faults, _decimal_text(quantities.longitude_e6))
    if seq is None or at is None or temperature is None or tilt is None:
        return None
    return NewReading(seq, at, temperature, tilt, latitude, longitude, shock_g=shock)


def _value(place: int, row: Mapping[str, Any], name: str, faults: Faults, read: Callable[[Any], T]) -> T | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        return read(value)
    except ValueError as problem:
        faults.add(place, name, value, str(problem))
        return None


def _text(read: Callable[[str], T]) -> Callable[[Any], T]:
    def check(value: Any) -> T:
        if not isinstance(value, str):
            raise ValueError("write it as text, for example 2026-11-22T13:05:00Z")
        return read(value)

    return check


def _decimal_text(read: Callable[[Any], T]) -> Callable[[Any], T]:
    def check(value: Any) -> T:
        if not isinstance(value, str):
            raise ValueError('write a decimal as text, for example "4.12"')
        return read(quantities.decimal(value))

    return check


def _whole(read: Callable[[Any], T]) -> Callable[[Any], T]:
    def check(value: Any) -> T:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError("write a whole number")
        if isinstance(value, str):
            return read(quantities.decimal(value))
        if abs(value) >= 10**12 * 10_000:
            raise ValueError("write a smaller whole number")
        return read(Decimal(value))

    return check
