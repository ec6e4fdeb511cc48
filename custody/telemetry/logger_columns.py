"""Which column of a logger's file holds what, by the common headings of data loggers. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo

_WORDS = re.compile(r"[a-z]+|[0-9]+|#")
_ZONE = re.compile(r"(?:utc|gmt)\s*(?:([+-−])\s*([0-9]{1,2})(?::?([0-9]{2}))?)?(?![a-z])")
_DERIVED = frozenset(
    {"min", "max", "minimum", "maximum", "alarm", "limit", "low", "high", "avg", "average", "mean"}
    | {"ambient", "setpoint", "status", "unit", "delta", "dew"}
)
"""Words of columns that hold no reading of the product: limits, statistics, the room's temperature."""
_TEMPERATURE = frozenset({"temp", "temps", "temperature", "temperatur", "temperatura", "tmp"})
_TILT = frozenset({"tilt", "angle", "inclination", "lean", "neigung", "neigungswinkel", "kippwinkel", "inclinaison"})
_SHOCK = frozenset({"shock", "impact", "acceleration", "accel", "stoss", "schock", "beschleunigung", "choc", "choque"})
_TIME = frozenset({"time", "uhrzeit", "zeit", "heure", "hora", "utc"})
_DATE = frozenset({"date", "datum", "fecha"})
_STAMP = frozenset({"timestamp", "datetime", "recorded", "logged"})
_NOT_TIME = frozenset({"elapsed", "duration", "zone", "interval"})
_SEQUENCE = frozenset({"seq", "sequence"})
_FILLER = frozenset({"no", "number", "nr", "num", "#"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of the columns in a row; `when` are one or two that make up the time."""

    when: tuple[int, ...]
    temperature: int
    tilt: int | None
    shock: int | None
    seq: int | None
    latitude: int | None
    longitude: int | None
    unit: str
    zone: tzinfo | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A heading row that does not say enough: what it has, what it lacks or says twice."""

    names: tuple[str, ...]
    lacks: tuple[str, ...]
    twice: tuple[str, ...]


def recognise(row: Sequence[str], *, tilt_required: bool) -> Columns | Missing | None:
    """The columns that a heading row names; Missing when it names only some; None when it is no heading row."""
    names = tuple(" ".join(cell.split()) for cell in row)
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        kind = kind_of(name)
        if kind:
            found.setdefault(kind, []).append(index)
    if not found.keys() & {"temperature", "tilt"} and len(found) < 2:
        return None
    when = _when(found)
    lacks = [name for name, there in (("time", bool(when)), ("temperature", "temperature" in found)) if not there]
    if tilt_required and "tilt" not in found:
        lacks.append("tilt")
    twice = [kind for kind in ("stamp", "temperature", "tilt", "shock", "seq") if len(found.get(kind, ())) > 1]
    if lacks or twice:
        return Missing(names, tuple(lacks), tuple(twice))
    temperature = found["temperature"][0]
    return Columns(
        when=when,
        temperature=temperature,
        tilt=_first(found, "tilt"),
        shock=_first(found, "shock"),
        seq=_first(found, "seq"),
        latitude=_first(found, "latitude"),
        longitude=_first(found, "longitude"),
        unit=unit_of(names[temperature]),
        zone=next((zone for zone in (zone_of(names[index]) for index in when) if zone), None),
        names=names,
    )


def _first(found: Mapping[str, list[int]], kind: str) -> int | None:
    return found[kind][0] if kind in found else None


def _when(found: Mapping[str, list[int]]) -> tuple[int, ...]:
    if "stamp" in found:
        return (found["stamp"][0],)
    if "date" in found and "time" in found:
        return (found["date"][0], found["time"][0])
    single = found.get("time") or found.get("date")
    return (single[0],) if single else ()


def kind_of(heading: str) -> str:
    """`stamp`, `date`, `time`, `temperature`, `tilt`, `shock`, `seq`, `latitude`, `longitude`, or nothing."""
    words = set(_words(heading))
    if words & _SHOCK and not words & (_DERIVED - {"max", "maximum"}):
        return "shock"
    if not words or words & _DERIVED:
        return ""
    if words & _TEMPERATURE:
        return "temperature"
    if words & _TILT:
        return "tilt"
    if words & {"lat", "latitude"}:
        return "latitude"
    if words & {"lon", "lng", "long", "longitude"}:
        return "longitude"
    if words & _SEQUENCE and words <= _SEQUENCE | _FILLER:
        return "seq"
    if words & _NOT_TIME:
        return ""
    if words & _STAMP or (words & _DATE and words & _TIME):
        return "stamp"
    if words & _DATE:
        return "date"
    return "time" if words & _TIME else ""


def unit_of(heading: str) -> str:
    """The unit of a temperature column: `C`, `F` or `K`; °C where the heading names none."""
    words = set(_words(heading))
    if words & {"f", "fahrenheit", "degf"}:
        return "F"
    return "K" if words & {"k", "kelvin"} else "C"


def zone_of(heading: str) -> tzinfo | None:
    """The offset that a time column's heading names, such as `Time (UTC+01:00)`."""
    match = _ZONE.search(unicodedata.normalize("NFKC", heading).casefold())
    if match is None:
        return None
    offset = timedelta(hours=int(match[2] or 0), minutes=int(match[3] or 0))
    if offset > timedelta(hours=14):
        return None
    return timezone(offset if match[1] == "+" else -offset)


def _words(heading: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", heading.casefold())
    return _WORDS.findall("".join(c for c in plain if not unicodedata.combining(c)))
