"""How long a patient's data is kept, and which of it (Regulation (EC) 1394/2007, art. 15; GDPR art. 5 and 17). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

KEPT_YEARS = 30
"""At least so long after the product's expiry; we count from the end of the therapy, which is never before it."""
TRACING_FIELDS = frozenset({"given_name", "family_name", "birth_date", "record_number"})
"""What traces cells to a patient. Weight and contact do not."""


@dataclass(frozen=True, slots=True)
class Course:
    """What counts of one therapy: whether cells were collected, and when it ended (None: under way)."""

    collected: bool
    ended_at: datetime | None


class StillTreated(Exception):
    """A therapy is under way: its patient's data is needed."""


def kept_until(courses: Iterable[Course]) -> datetime | None:
    """Until when the tracing data has to be kept; None when no cells were ever collected. Raises StillTreated."""
    ends = []
    for course in courses:
        if course.ended_at is None:
            raise StillTreated
        if course.collected:
            ends.append(years_after(course.ended_at, KEPT_YEARS))
    return max(ends, default=None)


def years_after(moment: datetime, years: int) -> datetime:
    """The same day so many years later; the first of March for a 29 February that is not there."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
