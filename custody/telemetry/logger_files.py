"""A logger's CSV file → readings, or a list of what is wrong. Pure.

RFC 4180 with what loggers make of it: comma, semicolon, tab or bar between cells, decimal comma, a byte-order mark,
UTF-16, Windows-1252, lines before the headings, date and time apart, °C, °F or K. A file with one fault stores nothing.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import NoReturn, TypeVar

from custody.telemetry import logger_columns, logger_times, quantities
from custody.telemetry.logger_columns import Columns, Missing
from custody.telemetry.problems import BadReadings, Faults, Problem, TooLarge, shown
from custody.telemetry.reading import NewReading

MAX_BYTES = 5_000_000
MAX_READINGS = 100_000
HEADINGS_WITHIN_ROWS = 80
DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_NUMBER = re.compile(r"([-+−]?[0-9]{1,12}(?:[.,][0-9]{1,12})?)\s*(°?\s?[cfk]|°|deg(?:rees)?|g)?", re.IGNORECASE)
_NO_VALUE = frozenset({"", "-", "--", "---", "n/a", "na", "nan", "null", "none"})
_BINARY = {b"%PDF": "a PDF", b"PK\x03\x04": "a spreadsheet or zip file", b"\xd0\xcf\x11\xe0": "an old spreadsheet"}
_TITLES = {
    "time": "a column “time” (or “timestamp”, or “date” and “time”)",
    "temperature": "a column “temperature (°C)”",
    "tilt": "a column “tilt (°)”",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoggerFile:
    """What a file holds and how it was understood, for the person who uploads it to check."""

    readings: tuple[NewReading, ...]
    delimiter: str
    headings: tuple[str, ...]
    unit: str
    zone: str
    without_value: int


def read(
    raw: bytes,
    *,
    zone: tzinfo = UTC,
    tilt_required: bool = True,
    day_first: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> LoggerFile:
    """The readings of a file. `zone` is used where the file names none; a file without a column for the logger's own
    sequence numbers gets each reading's second since 1970, so that a file sent twice is known again.

    Rows with a time and no value (a logger's events) are counted in `without_value` and not taken. Without a shock
    column no shock is known. Without a tilt column, which only a leg without a tilt limit may lack (`tilt_required`),
    the tilt is 0.
    Raises BadReadings with every fault (up to 50), or TooLarge.
    """
    if len(raw) > max_bytes:
        found = shown(f"{len(raw):,} bytes")
        raise TooLarge([Problem(0, "", found, f"send at most {max_bytes:,} bytes; part the file by time")])
    text = _text(raw)
    delimiter, columns, first = _headings(text, tilt_required=tilt_required)
    rows = list(_rows(text, delimiter))[first:]
    file_zone = columns.zone or zone
    faults = Faults()
    readings, without_value = _readings(rows, columns, file_zone, day_first, faults)
    faults.raise_any()
    if not readings:
        _refuse(0, "no readings below the headings", "a file holds one reading a line below its headings")
    return LoggerFile(
        readings=tuple(readings),
        delimiter=DELIMITER_NAMES[delimiter],
        headings=columns.names,
        unit="K" if columns.unit == "K" else f"°{columns.unit}",
        zone=str(file_zone),
        without_value=without_value,
    )


def _refuse(line: int, found: object, right: str) -> NoReturn:
    raise BadReadings([Problem(line, "", shown(found), right)])


def _text(raw: bytes) -> str:
    for magic, name in _BINARY.items():
        if raw.startswith(magic):
            _refuse(0, name, "export the readings from the logger's program as CSV")
    # Windows-1252 is what older logger programs write for the degree sign.
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encodings = ("utf-16",) if wide else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        if not text.strip():
            _refuse(0, "an empty file", "a file holds headings and one reading a line")
        return text
    _refuse(0, "bytes that are no text", "save the file as CSV in UTF-8")


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their (last) line. Raises BadReadings for what is no CSV at all."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, [cell.strip(" \t\r\n\xa0") for cell in row]
    except csv.Error as problem:
        _refuse(reader.line_num, problem, "check the quotation marks on this line")


def _headings(text: str, *, tilt_required: bool) -> tuple[str, Columns, int]:
    """The delimiter, the columns, and how many rows come before the first reading."""
    nearest: tuple[int, int, Missing] | None = None
    for delimiter in DELIMITERS:
        for index, (line, row) in enumerate(_rows(text, delimiter)):
            if index >= HEADINGS_WITHIN_ROWS:
                break
            found = logger_columns.recognise(row, tilt_required=tilt_required)
            if isinstance(found, Columns):
                return delimiter, found, index + 1
            if isinstance(found, Missing) and (nearest is None or len(found.names) > nearest[1]):
                nearest = (line, len(found.names), found)
    if nearest is None:
        first = text.strip().splitlines()[0]
        _refuse(1, first, "begin with a line of headings: time, temperature (°C), tilt (°)")
    line, _, missing = nearest
    if missing.twice:
        _refuse(line, ", ".join(missing.names), f"two columns can be the {missing.twice[0]}; keep the one that counts")
    _refuse(line, ", ".join(missing.names), f"add {' and '.join(_TITLES[name] for name in missing.lacks)}")


def _readings(
    rows: Sequence[tuple[int, list[str]]],
    columns: Columns,
    zone: tzinfo,
    day_first: bool | None,
    faults: Faults,
) -> tuple[list[NewReading], int]:
    if day_first is None:
        try:
            day_first = logger_times.day_comes_first(_when(row, columns) for _, row in rows)
        except ValueError as problem:
            faults.add(0, _heading(columns, columns.when[0]), "dates of both kinds", str(problem))
            return [], 0
    readings: list[NewReading] = []
    seen: dict[int, tuple[int, NewReading]] = {}
    without_value, last = 0, None
    for line, row in rows:
        if not any(row):
            continue
        if len(row) > len(columns.names) and any(row[len(columns.names) :]):
            faults.add(
                line, "", f"{len(row)} cells", f"a line has {len(columns.names)} cells; with decimal commas use ;"
            )
            continue
        if _cell(row, columns.temperature).casefold() in _NO_VALUE and (
            columns.tilt is None or _cell(row, columns.tilt).casefold() in _NO_VALUE
        ):
            without_value += 1
            continue
        reading = _reading(line, row, columns, zone, day_first, last, faults)
        if reading is None:
            continue
        last = reading.at
        before = seen.get(reading.seq)
        if before is not None and not before[1].says_the_same(reading):
            where = columns.seq if columns.seq is not None else columns.when[0]
            right = f"line {before[0]} says something else for the same; a reading has one value"
            faults.add(line, _heading(columns, where), _cell(row, where), right)
            continue
        seen[reading.seq] = (line, reading)
        if before is None:
            readings.append(reading)
        if len(readings) > MAX_READINGS:
            raise TooLarge(
                [Problem(line, "", shown("a further line"), f"send at most {MAX_READINGS:,} readings a file")]
            )
    return readings, without_value


def _reading(
    line: int,
    row: Sequence[str],
    columns: Columns,
    zone: tzinfo,
    day_first: bool | None,
    last: datetime | None,
    faults: Faults,
) -> NewReading | None:
    def take(index: int | None, text: str, read: Callable[[str], T]) -> T | None:
        if index is None:
            return None
        try:
            return read(text)
        except (ValueError, OverflowError, OSError) as problem:
            faults.add(line, _heading(columns, index), text, str(problem))
            return None

    def cell(index: int | None) -> str:
        return _cell(row, index) if index is not None else ""

    at = take(
        columns.when[0],
        _when(row, columns),
        lambda text: logger_times.read(text, day_first=day_first, zone=zone, after=last),
    )
    temperature = take(columns.temperature, cell(columns.temperature), lambda text: _temperature(text, columns.unit))
    tilt = take(columns.tilt, cell(columns.tilt), lambda text: quantities.tilt_degrees(_number(text)[0]))
    shock = None
    if cell(columns.shock).casefold() not in _NO_VALUE:
        shock = take(columns.shock, cell(columns.shock), lambda text: quantities.shock_g(_number(text)[0]))
    seq = take(columns.seq, cell(columns.seq), lambda text: quantities.sequence(_number(text)[0]))
    latitude, longitude = None, None
    if cell(columns.latitude) and cell(columns.longitude):
        latitude = take(columns.latitude, cell(columns.latitude), lambda t: quantities.latitude_e6(_number(t)[0]))
        longitude = take(columns.longitude, cell(columns.longitude), lambda t: quantities.longitude_e6(_number(t)[0]))
    if at is None or temperature is None or (columns.tilt is not None and tilt is None):
        return None
    if columns.seq is None:
        seq = int(at.timestamp())
    return None if seq is None else NewReading(seq, at, temperature, tilt or 0, latitude, longitude, shock_g=shock)


def _heading(columns: Columns, index: int) -> str:
    return shown(columns.names[index])


def _cell(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _when(row: Sequence[str], columns: Columns) -> str:
    return " ".join(_cell(row, index) for index in columns.when).strip()


def _number(text: str) -> tuple[Decimal, str]:
    """A number with a decimal point or comma, and the unit behind it in capitals (or nothing)."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("write a number such as -150.25" if text else "write the value here")
    unit = (match[2] or "").strip("° ").upper()
    return quantities.decimal(match[1].replace("−", "-").replace(",", ".")), unit if len(unit) == 1 else ""


def _temperature(text: str, unit: str) -> int:
    number, own = _number(text)
    return quantities.temperature_c100(number, unit=own or unit)
