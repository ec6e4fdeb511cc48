"""Projections: how records become the rows that screens read.

A projection is a pure function from a record to rows. `append` writes them in the operation's transaction, and `verify`
replays them and compares with the tables, so no row can say what no record says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model

from ledger.log import storing
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.storing import Statement


@dataclass(frozen=True, slots=True)
class Insert:
    """A row that the record makes. `model` is `app.Model`; `key` its primary key."""

    model: str
    key: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """Columns of an earlier row that the record changes."""

    model: str
    key: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """All rows of one scope (column → value), as they stand after the record."""

    model: str
    scope: Mapping[str, Any]
    rows: tuple[Insert, ...] = field(default=())


Change = Insert | Update | Replace
Projector = Callable[[Entry, UUID, State, World], Iterable[Change]]
Standing = Callable[[UUID, State, World], Iterable[Change]]


@dataclass(frozen=True, slots=True)
class Projection:
    """What one kind of chain writes: its function, and the tables that hold nothing else.

    `models` maps each table to the name of the column that holds the chain's subject. `standing` gives, from the
    subject and the state after a record, the rows that follow from the state alone: who replays a whole chain needs
    them once, at its end.
    """

    chain_kind: str
    project: Projector
    models: Mapping[str, str]
    standing: Standing | None = None

    def changes(self, entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
        """Everything that a record changes."""
        yield from self.project(entry, record_id, state, world)
        if self.standing is not None:
            yield from self.standing(entry.subject, state, world)


_projections: dict[str, list[Projection]] = {}


def register(projection: Projection) -> None:
    """Make a projection known, once, at start-up."""
    known = _projections.setdefault(projection.chain_kind, [])
    if all(other.project is not projection.project for other in known):
        known.append(projection)


def projections_for(chain_kind: str) -> list[Projection]:
    """The projections of a kind of chain, in the order of registration."""
    return _projections.get(chain_kind, [])


def all_projections() -> list[Projection]:
    return [projection for several in _projections.values() for projection in several]


def model_of(label: str) -> type[Model]:
    return apps.get_model(label)


def statements(changes: Iterable[Change]) -> Iterator[Statement]:
    """What writes these changes, in their order."""
    for change in changes:
        model = model_of(change.model)
        if isinstance(change, Insert):
            yield _new(model, change)
        elif isinstance(change, Update):
            yield storing.update(model, change.key, change.values)
        else:
            yield storing.delete(model, change.scope)
            for row in change.rows:
                yield _new(model, row)


def _new(model: type[Model], row: Insert) -> Statement:
    return storing.new(model, {model._meta.pk.attname: row.key, **row.values})
