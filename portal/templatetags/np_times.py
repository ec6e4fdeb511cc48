"""Moments and durations as people read them at their site.

Times are shown in the active time zone, which is the zone of the reader's site; UTC stands in `title` and `datetime`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from portal.templatetags.np_numbers import MINUS

register = template.Library()


def _local(at: datetime) -> datetime:
    return timezone.localtime(at) if timezone.is_aware(at) else timezone.make_aware(at, UTC)


def _zone(at: datetime) -> str:
    """CET, GMT; where the zone has no letters, its distance from UTC such as UTC+4."""
    name = at.tzname() or "UTC"
    if name[0] not in "+-":
        return name
    minutes = int((at.utcoffset() or timedelta()).total_seconds() // 60)
    sign = "+" if minutes >= 0 else MINUS
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")


def _day(at: date) -> str:
    return f"{at.day} {at:%b}"


@register.filter
def zone(at: datetime | None) -> str:
    """`CET`: the abbreviation of the site's zone at that moment."""
    return _zone(_local(at)) if at else ""


@register.filter
def utc(at: datetime | None) -> str:
    """`22 Nov 2026, 13:05 UTC`, for titles and print."""
    if not at:
        return ""
    there = at.astimezone(UTC)
    return f"{there.day} {there:%b %Y, %H:%M} UTC"


@register.filter
def iso_utc(at: datetime | None) -> str:
    """`2026-11-22T13:05:00Z` (RFC 3339), for `datetime` attributes."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


@register.filter
def local(at: datetime | None, show: str = "full") -> str:
    """A moment in the site's zone.

    `show` is one of full (`22 Nov 2026, 14:05 CET`), short (`22 Nov, 14:05 CET`), clock (`14:05`),
    zoned (`14:05 CET`), seconds (`14:05:20 CET`), date (`22 Nov 2026`), day (`22 Nov`),
    weekday (`Sun 22 Nov`), long (`Sunday 22 November 2026`).
    """
    if not at:
        return ""
    here = _local(at)
    match show:
        case "short":
            return f"{_day(here)}, {here:%H:%M} {_zone(here)}"
        case "clock":
            return f"{here:%H:%M}"
        case "zoned":
            return f"{here:%H:%M} {_zone(here)}"
        case "seconds":
            return f"{here:%H:%M:%S} {_zone(here)}"
        case "date":
            return f"{here.day} {here:%b %Y}"
        case "day":
            return _day(here)
        case "weekday":
            return f"{here:%a} {_day(here)}"
        case "long":
            return f"{here:%A} {here.day} {here:%B %Y}"
        case _:
            return f"{here.day} {here:%b %Y, %H:%M} {_zone(here)}"


@register.simple_tag
def moment(at: datetime | None, show: str = "full", css: str = "", otherwise: Any = "") -> SafeString:
    """A `<time>` in the site's zone with UTC in its title; `otherwise` where there is no time.

    `show` is one of `local`'s words, or relative, ago: those are kept true by the browser.
    """
    if not at:
        return conditional_escape(otherwise)
    kept = format_html(' data-relative="{}"', show) if show in {"relative", "ago"} else mark_safe("")
    words = relative(at) if show == "relative" else ago(at) if show == "ago" else local(at, show)
    classes = format_html(' class="{}"', css) if css else mark_safe("")
    return format_html('<time datetime="{}" title="{}"{}{}>{}</time>', iso_utc(at), utc(at), classes, kept, words)


@register.filter
def arrival(one: Any) -> SafeString:
    """`expected 14:40 instead of 13:00` of a delay that says so (`expected_at`, `planned_at`), else nothing.

    The day stands where it is not today.
    """
    expected, planned = getattr(one, "expected_at", None), getattr(one, "planned_at", None)
    if not expected or not planned:
        return mark_safe("")
    days = {_local(expected).date(), _local(planned).date()}
    return format_html(
        "expected {} instead of {}",
        moment(expected, "clock" if days == {timezone.localdate()} else "short"),
        moment(planned, "clock" if len(days) == 1 else "short"),
    )


@register.simple_tag
def now_time() -> SafeString:
    """This moment in full, in the site's zone, with UTC in its title."""
    return moment(timezone.now())


@register.filter
def day_or_today(at: datetime | None) -> str:
    """`today`, `tomorrow`, `yesterday`, else `22 Nov`: the second line of a timeline."""
    if not at:
        return ""
    here = _local(at).date()
    apart = (here - timezone.localdate()).days
    return {0: "today", 1: "tomorrow", -1: "yesterday"}.get(apart, _day(here))


def _seconds(value: Any) -> int | None:
    if isinstance(value, timedelta):
        return round(value.total_seconds())
    try:
        return round(float(value))
    except (TypeError, ValueError):
        return None


@register.filter
def duration(value: Any) -> str:
    """Seconds or a timedelta in words with two units at most: `40 s`, `34 min`, `1 h 55`, `2 d 3 h`."""
    total = _seconds(value)
    if total is None:
        return ""
    total = abs(total)
    if total < 60:
        return f"{total} s"
    minutes = total // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d}" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


@register.filter
def until_words(at: datetime, now: datetime) -> str:
    """How long until a moment, from `now`: `25 min`."""
    return duration(max(at, now) - now)


@register.filter
def duration_minutes(minutes: Any) -> str:
    """`duration` of a number of minutes."""
    return "" if minutes is None else duration(int(minutes) * 60)


@register.filter
def relative(at: datetime | None, now: datetime | None = None) -> str:
    """When something is due: `in 25 min`, `now`, `2 h late`."""
    if not at:
        return ""
    apart = (at - (now or timezone.now())).total_seconds()
    if abs(apart) < 30:
        return "now"
    return f"in {duration(apart)}" if apart > 0 else f"{duration(apart)} late"


@register.filter
def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long since something was heard: `40 s ago`, `just now`."""
    if not at:
        return "never"
    apart = ((now or timezone.now()) - at).total_seconds()
    return "just now" if apart < 5 else f"{duration(apart)} ago"


@register.filter
def due_kind(at: datetime | None, soon_minutes: int = 60) -> str:
    """The status kind of a due time: `stop` when past, `due` within `soon_minutes`, else `plan`."""
    if not at:
        return "plan"
    apart = (at - timezone.now()).total_seconds()
    return "stop" if apart < -30 else "due" if apart <= int(soon_minutes) * 60 else "plan"


@register.filter
def greeting(now: datetime | None) -> str:
    """`Good morning`, `Good afternoon`, `Good evening` at the site."""
    hour = _local(now or timezone.now()).hour
    return "Good morning" if 4 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"
