"""Dates and times as data loggers write them. Pure.

03/04/2026 is the 3rd of April to one logger and the 4th of March to another: the whole file is looked at, and when it
does not settle the question, it is refused rather than guessed. Local time is read in the zone that the file or its
sender names; the hour that occurs twice in autumn is told apart by the order of the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from custody.telemetry.quantities import in_range

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan", "feb", "mar mär", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov", "dec dez"), 1
    )
    for name in names.split()
}
_YEAR_FIRST = re.compile(r"(?P<y>[0-9]{4})([-/.])(?P<m>[0-9]{1,2})\2(?P<d>[0-9]{1,2})")
_YEAR_LAST = re.compile(r"(?P<a>[0-9]{1,2})(?P<s>[-/.])(?P<b>[0-9]{1,2})(?P=s)(?P<y>[0-9]{4}|[0-9]{2})")
_NAMED = re.compile(r"(?P<d>[0-9]{1,2})[ .-]{1,2}(?P<n>[^\W\d_]{3,9})\.?[ -](?P<y>[0-9]{4}|[0-9]{2})")
_NAME_FIRST = re.compile(r"(?P<n>[^\W\d_]{3,9})\.? (?P<d>[0-9]{1,2}),? (?P<y>[0-9]{4})")
_TIME = re.compile(
    r"[Tt ,]*(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH = re.compile(r"[0-9]{9,10}")
_EPOCH_MS = re.compile(r"[0-9]{12,13}")
WRITE = "write a time such as 2026-11-22 13:05:00"
AMBIGUOUS = "day and month could be either way round in the whole file; write dates as 2026-04-03"


def day_comes_first(texts: Iterable[str]) -> bool | None:
    """Whether dates such as 03/04/2026 put the day first; None when the file does not settle it.

    Raises ValueError when the file says both.
    """
    day, month = False, False
    for text in texts:
        match = _YEAR_LAST.match(text)
        if match is None:
            continue
        if match["s"] == ".":
            day = True  # Dots between the figures are used day first wherever they are used.
        day = day or int(match["a"]) > 12
        month = month or int(match["b"]) > 12
    if day and month:
        raise ValueError("some dates put the day first, some the month; write dates as 2026-04-03")
    return True if day else False if month else None


def read(text: str, *, day_first: bool | None, zone: tzinfo, after: datetime | None = None) -> datetime:
    """A logger's time in UTC. `zone` stands where the text names none; `after` is the row before.

    Raises ValueError, whose text says what would be right.
    """
    if _EPOCH.fullmatch(text):
        return in_range(datetime.fromtimestamp(int(text), UTC))
    if _EPOCH_MS.fullmatch(text):
        return in_range(datetime.fromtimestamp(int(text) // 1000, UTC))
    (year, month, day), rest = _date(text, day_first)
    match = _TIME.fullmatch(rest)
    if match is None:
        raise ValueError(WRITE)
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("before am or pm the hour is 1 to 12")
        hour = hour % 12 + (12 if match["half"][0] in "Pp" else 0)
    try:
        local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (the zone comes next)
    except ValueError:
        raise ValueError(f"there is no such date or time; {WRITE}") from None
    return in_range(_in_utc(local, _zone(match["zone"]) or zone, after))


def _date(text: str, day_first: bool | None) -> tuple[tuple[int, int, int], str]:
    match = _YEAR_FIRST.match(text)
    if match:
        return (int(match["y"]), int(match["m"]), int(match["d"])), text[match.end() :]
    match = _YEAR_LAST.match(text)
    if match:
        first, second = int(match["a"]), int(match["b"])
        if day_first is None and first != second:
            raise ValueError(AMBIGUOUS)
        day, month = (first, second) if day_first is not False else (second, first)
        return (_year(match["y"]), month, day), text[match.end() :]
    match = _NAMED.match(text) or _NAME_FIRST.match(text)
    if match and match["n"].casefold()[:3] in _MONTHS:
        return (_year(match["y"]), _MONTHS[match["n"].casefold()[:3]], int(match["d"])), text[match.end() :]
    raise ValueError(WRITE)


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text in {"Z", "z", "UTC", "GMT"}:
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if offset > timedelta(hours=14):
        raise ValueError("an offset from UTC lies between -14:00 and +14:00")
    return timezone(-offset if text[0] == "-" else offset)


def _in_utc(local: datetime, zone: tzinfo, after: datetime | None) -> datetime:
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return first
    if first.astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError("this hour was skipped when the clocks went forward; give times in UTC")
    return second if after is not None and first < after else first
