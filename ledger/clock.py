"""The one place that reads the clock. Views, commands and tasks call it; domain code is given the time."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC, to the microsecond."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with a `Z`, to the microsecond: the only form of a time in a ledger record.

    Raises ValueError for a naive time.
    """
    if moment.tzinfo is None:
        raise ValueError("a time on the ledger needs a zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_stamp(text: str) -> datetime:
    """The moment that `stamp` wrote. Raises ValueError for any other form."""
    moment = datetime.fromisoformat(text)
    # With a Z at its end the time that was read is in UTC.
    if not text.endswith("Z") or moment.isoformat(timespec="microseconds")[:-6] != text[:-1]:
        raise ValueError(f"not a canonical UTC time: {text}")
    return moment


def span(seconds: int) -> str:
    """'45 s', '34 min', '2 h 5 min', '3 d 4 h': the two largest parts."""
    parts, rest = [], seconds
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        whole, rest = divmod(rest, size)
        if whole:
            parts.append(f"{whole} {name}")
    return " ".join(parts[:2]) or "0 s"
