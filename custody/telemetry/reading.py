"""One reading of a logger, as a plain value. Pure: parsers make it, rules judge it, operations store it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SEQ_MAX = 2**53 - 1
"""The largest integer that every JSON implementation carries exactly (RFC 8259 §6)."""
TEMPERATURE_LOW_C100 = -27_315
TEMPERATURE_HIGH_C100 = 20_000
TILT_HIGH_DEGREES = 180
SHOCK_HIGH_G = 10_000
LATITUDE_HIGH_E6 = 90_000_000
LONGITUDE_HIGH_E6 = 180_000_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
CLOCK_SKEW_MAX = timedelta(minutes=5)
"""How far a logger's clock may run ahead of ours before we say so."""


@dataclass(frozen=True, slots=True)
class NewReading:
    """A reading: `at` in UTC to the whole second, temperature in hundredths of a degree Celsius, tilt in whole degrees
    from upright (0 to 180), position in millionths of a degree where the logger knows it, and the largest shock since
    the reading before in whole g; None where it has no sensor for that.

    `received_at` is when it reached us, None before that; it is no part of what the logger said.
    """

    seq: int
    at: datetime
    temperature_c100: int
    tilt_degrees: int
    latitude_e6: int | None = None
    longitude_e6: int | None = None
    received_at: datetime | None = None
    shock_g: int | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether the logger's clock was more than five minutes ahead of ours when the reading reached us."""
        return self.received_at is not None and self.at - self.received_at > CLOCK_SKEW_MAX

    def says_the_same(self, other: NewReading) -> bool:
        """Whether both carry the same content, whenever they reached us."""
        return self.content == other.content

    @property
    def content(self) -> tuple[datetime, int, int, int | None, int | None, int | None]:
        return (self.at, self.temperature_c100, self.tilt_degrees, self.latitude_e6, self.longitude_e6, self.shock_g)


def celsius(c100: int) -> str:
    """A temperature in words: `−150.25 °C`, with a true minus and no needless zeros."""
    sign = "−" if c100 < 0 else ""
    whole, rest = divmod(abs(c100), 100)
    decimals = f".{rest:02d}".rstrip("0") if rest else ""
    return f"{sign}{whole}{decimals} °C"
