"""Counts and sums over every therapy that somebody may see, kept until one of those therapies changes.

Lists end after a page; figures do not, so they are the only part of a screen that grows with the years. A figure is
computed once for each change and reader's role, never for each page.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import Count

from custody.therapies.queries import visible
from ledger.parties.actor import Actor

Figure = TypeVar("Figure")
KEPT_SECONDS = 60
"""A change that commits after a later one moves no newest moment: it shows after this time at the latest."""


def count_by_status(*, by: Actor) -> dict[str, int]:
    """How many of the therapies that this actor may see are under way, infused and so on."""

    def count() -> dict[str, int]:
        return dict(visible(by).order_by().values_list("status").annotate(Count("id")))

    return as_of_last_change("status", by=by, compute=count)


def newest_change(by: Actor) -> datetime | None:
    """When a therapy that this actor may see was changed last; None where there is none."""
    return visible(by).order_by("-changed_at", "id").values_list("changed_at", flat=True).first()


def as_of_last_change(name: str, *, by: Actor, compute: Callable[[], Figure]) -> Figure:
    """What `compute` gives, from the cache while no therapy that this actor may see has changed since.

    `name` says what is counted. One entry a name, organisation and role, so that the cache holds few of them.
    """
    newest = newest_change(by)
    place = f"figures:{name}:{by.party}:{by.role}"
    kept: tuple[datetime | None, Any] | None = cache.get(place)
    if kept is not None and kept[0] == newest:
        found: Figure = kept[1]
        return found
    made = compute()
    cache.set(place, (newest, made), KEPT_SECONDS)
    return made
