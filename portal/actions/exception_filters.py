"""Narrowing and sorting the list of exceptions, from the address: what is no choice of the list narrows nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from custody.exceptions.models import ExceptionKind
from custody.exceptions.queries import ORDERS, Choices, Wanted

AGES = {"1": "A day", "3": "Three days", "7": "A week", "30": "Thirty days"}
ORDER_WORDS = {
    "worst": "Worst first",
    "oldest": "Oldest first",
    "newest": "Newest first",
    "due": "Soonest due first",
}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the address asks for, and `given`, its words by field."""

    wanted: Wanted
    given: Mapping[str, str]

    @property
    def is_narrow(self) -> bool:
        return any(text for name, text in self.given.items() if name != "order")


@dataclass(frozen=True, slots=True)
class Select:
    """One choice of the filter row: `options` are (value, words, chosen)."""

    name: str
    label: str
    options: tuple[tuple[str, str, bool], ...]


def read(query: Mapping[str, str], *, at: datetime) -> Narrowing:
    """What an address's query asks for at a moment."""
    kind = query.get("kind", "")
    age = query.get("age", "")
    order = query.get("order", "")
    given = {
        "kind": kind if kind in ExceptionKind.values else "",
        "site": _party(query.get("site", "")),
        "owner": _party(query.get("owner", "")),
        "product": query.get("product", "")[:120],
        "age": age if age in AGES else "",
        "order": order if order in ORDERS else "worst",
    }
    wanted = Wanted(
        kind=given["kind"],
        site=UUID(given["site"]) if given["site"] else None,
        owner=UUID(given["owner"]) if given["owner"] else None,
        product=given["product"],
        opened_before=at - timedelta(days=int(given["age"])) if given["age"] else None,
        order=given["order"],
    )
    return Narrowing(wanted, given)


def fields(narrowing: Narrowing, choices: Choices, names: Mapping[UUID, str]) -> tuple[Select, ...]:
    """The selects above the list; one that could not narrow anything is left out, unless it does already."""
    given = narrowing.given
    parties = {name: [(str(one), names.get(one, str(one))) for one in ids] for name, ids in _ids(choices)}
    kinds = [(kind, ExceptionKind(kind).label) for kind in choices.kinds]
    rows = [
        _select("kind", "Kind", "Every kind", kinds, given),
        _select("site", "Found at", "Every site", parties["site"], given),
        _select("owner", "Decided by", "Everybody", parties["owner"], given),
        _select("product", "Product", "Every product", [(one, one) for one in choices.products], given),
        _select("age", "Open for more than", "Any time", list(AGES.items()), given),
        Select("order", "Sorted", tuple((code, words, code == given["order"]) for code, words in ORDER_WORDS.items())),
    ]
    return tuple(
        row for row in rows if len(row.options) > 2 or any(chosen for value, _, chosen in row.options if value)
    )


def _ids(choices: Choices) -> Iterable[tuple[str, Iterable[UUID]]]:
    return (("site", choices.sites), ("owner", choices.owners))


def _select(name: str, label: str, every: str, options: list[tuple[str, str]], given: Mapping[str, str]) -> Select:
    known = dict(options)
    if given[name] and given[name] not in known:
        options = [*options, (given[name], "Another, with nothing open")]
    ordered = options if name in {"kind", "age"} else sorted(options, key=lambda option: option[1])
    return Select(
        name, label, (("", every, not given[name]), *((value, words, value == given[name]) for value, words in ordered))
    )


def _party(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        return ""
