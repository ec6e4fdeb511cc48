"""Reading numbers and times out of text, exactly: decimals without floats, times to the second. Pure.

Every function raises ValueError, whose text says what would be right.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from custody.telemetry import reading as limits

_DECIMAL = re.compile(r"[-+]?[0-9]{1,12}(\.[0-9]{1,12})?")
_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def decimal(text: str) -> Decimal:
    """A plain decimal with a point: `-150.25`. No exponent, no infinity, no grouping."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("write a plain decimal such as -150.25")
    return Decimal(text)


def scaled(number: Decimal, factor: int) -> int:
    """The number in units of 1/`factor`, rounded half to even."""
    return int((number * factor).to_integral_value(rounding=ROUND_HALF_EVEN))


def temperature_c100(number: Decimal, *, unit: str = "C") -> int:
    """Degrees Celsius (`C`), Fahrenheit (`F`) or kelvin (`K`) as hundredths of a degree Celsius."""
    if unit == "F":
        number = (number - 32) * 5 / 9
    elif unit == "K":
        number = number - Decimal("273.15")
    value = scaled(number, 100)
    if not limits.TEMPERATURE_LOW_C100 <= value <= limits.TEMPERATURE_HIGH_C100:
        raise ValueError("a temperature lies between -273.15 and 200 °C")
    return value


def tilt_degrees(number: Decimal) -> int:
    """An angle from upright in whole degrees; a fraction counts as the next whole degree, a sign is a direction."""
    value = abs(number)
    whole = int(value) + (value != int(value))
    if whole > limits.TILT_HIGH_DEGREES:
        raise ValueError("a tilt lies between 0 and 180 degrees")
    return whole


def shock_g(number: Decimal) -> int:
    """A shock in whole g (9.81 m/s²); a fraction counts as the next whole g, a sign is a direction."""
    value = abs(number)
    whole = int(value) + (value != int(value))
    if whole > limits.SHOCK_HIGH_G:
        raise ValueError("a shock lies between 0 and 10,000 g")
    return whole


def sequence(number: Decimal) -> int:
    if number != int(number) or not 0 <= number <= limits.SEQ_MAX:
        raise ValueError("a sequence number is a whole number from 0 up")
    return int(number)


def latitude_e6(number: Decimal) -> int:
    value = scaled(number, 1_000_000)
    if abs(value) > limits.LATITUDE_HIGH_E6:
        raise ValueError("a latitude lies between -90 and 90 degrees")
    return value


def longitude_e6(number: Decimal) -> int:
    value = scaled(number, 1_000_000)
    if abs(value) > limits.LONGITUDE_HIGH_E6:
        raise ValueError("a longitude lies between -180 and 180 degrees")
    return value


def moment(text: str) -> datetime:
    """An RFC 3339 time with a zone, in UTC, fractions of a second cut off."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("write a time such as 2026-11-22T13:05:00Z")
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        found = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("write a time that exists, such as 2026-11-22T13:05:00Z") from None
    return in_range(found)


def in_range(found: datetime) -> datetime:
    """The same time, when a logger may give it."""
    if not limits.EARLIEST <= found <= limits.LATEST:
        raise ValueError("a reading is dated between 2000 and 2099; check the logger's clock")
    return found.replace(microsecond=0)
