"""Lists that end after a page: which page is asked for, and the words for what does not stand on a first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.http import HttpRequest

from custody.therapies.queries import MANY

FURTHEST = 10_000
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a longer list. `earlier` and `later` are addresses' query strings, empty at either end."""

    rows: Sequence[Row]
    number: int
    earlier: str
    later: str

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows that there are."""
        return not self.earlier and not self.later


def number_of(request: HttpRequest, name: str = "page") -> int:
    """The page that the address asks for, from 0; what is no number is the first."""
    text = request.GET.get(name, "")
    return min(FURTHEST, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def page_of(
    request: HttpRequest, fetch: Callable[[int, int], Sequence[Row]], *, size: int, name: str = "page"
) -> Page[Row]:
    """The rows of the page that the address asks for. `fetch(limit, offset)` is asked once, for one row too many."""
    number = number_of(request, name)
    found = fetch(size + 1, number * size)
    return Page(
        rows=found[:size],
        number=number,
        earlier=_query(request, name, number - 1) if number else "",
        later=_query(request, name, number + 1) if len(found) > size else "",
    )


def rest(counted: int, shown: int) -> str:
    """How many are not shown, in words: `12 more`, `more than 49 more`, nothing when all are.

    `counted` stops at MANY.
    """
    left = counted - shown
    if counted >= MANY:
        return f"more than {max(0, left - 1)} more" if left > 1 else "more"
    return f"{left} more" if left > 0 else ""


def _query(request: HttpRequest, name: str, number: int) -> str:
    """This address's query with that page in it."""
    query = request.GET.copy()
    query[name] = str(number)
    return f"?{query.urlencode()}"
