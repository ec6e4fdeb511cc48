"""The two talks with the database that every record costs: lock the chain, then write what the record leaves behind.

All keys are known before, so no statement waits for the answer of another: PostgreSQL takes them as one message inside
the caller's transaction, and SQLite has no round trips to save. Plain statements, because this is the one path that all
writing goes through, and putting ORM queries together took longer than the database took to run them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Field, Model
from django.db.models.expressions import Col
from django.db.transaction import TransactionManagementError

from ledger.log import cursors

M = TypeVar("M", bound=Model)
MAX_PLACES = 900
"""Values that one statement of SQLite may hold, on any build of it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its parameters, both as the database takes them."""

    text: str
    values: tuple[Any, ...]
    demanded: bool = False
    """It has to find a row, or nothing of what is written with it may stay."""
    prepared: bool = False
    """It is the same text each time and worth planning once a connection: a message of its own, its values apart."""


class NotFound(Exception):
    """A demanded row is not there; what was written with it has to be undone by ending the transaction."""


def locked(model: type[M], key: Any) -> M:
    """The row with this primary key, locked until the caller's transaction ends. Raises ObjectDoesNotExist."""
    database = _database()
    if not database.in_atomic_block:
        raise TransactionManagementError("a row is locked within a transaction only")
    text, columns = _selection(model, database.vendor)
    with cursors.binding(database) if database.vendor == "postgresql" else database.cursor() as cursor:
        cursor.execute(text, [model._meta.pk.get_db_prep_value(key, database)])
        found = cursor.fetchone()
    if found is None:
        raise ObjectDoesNotExist(f"There is no {model.__name__} {key}.")
    values = []
    for value, (column, converters) in zip(found, columns, strict=True):
        for convert in converters:
            value = convert(value, column, database)
        values.append(value)
    return model.from_db(database.alias, [column.target.attname for column, _ in columns], values)


def insert(row: Model) -> Statement:
    """A new row. A key that the database counts up is left to it, and not asked for."""
    text, fields = _insertion(type(row), _database().vendor)
    return _filled(text, fields, (getattr(row, field.attname) for field in fields))


def new(model: type[Model], values: Mapping[str, Any]) -> Statement:
    """A new row from its columns' values, without an instance of the model, which costs more than the statement.

    Names are those of the columns' attributes (`record_id`); a column that is not named has its default. Raises
    TypeError for a name that the table does not have.
    """
    text, fields = _insertion(model, _database().vendor)
    unknown = values.keys() - {field.attname for field in fields}
    if unknown:
        raise TypeError(f"{model._meta.label} has no column {', '.join(sorted(unknown))}.")
    given = (values[field.attname] if field.attname in values else field.get_default() for field in fields)
    return _filled(text, fields, given)


def _filled(text: str, fields: Iterable[Field[Any, Any]], given: Iterable[Any]) -> Statement:
    database = _database()
    values = (field.get_db_prep_save(value, database) for field, value in zip(fields, given, strict=True))
    return Statement(text, tuple(values))


def new_rows(model: type[Model], columns: Mapping[str, Sequence[Any]]) -> list[Statement]:
    """New rows from the values of their columns, as many of each; columns are named as in `new`, all of them.

    PostgreSQL takes them in one statement, whose text does not grow with their number.
    """
    database = _database()
    if database.vendor != "postgresql":
        rows = zip(*columns.values(), strict=True)
        return [new(model, dict(zip(columns, row, strict=True))) for row in rows]
    quote = database.ops.quote_name
    fields: list[Field[Any, Any]] = [model._meta.get_field(name.removesuffix("_id")) for name in columns]  # type: ignore[misc]
    names = ", ".join(quote(field.column) for field in fields)
    arrays = ", ".join(f"%s::{field.db_type(database)}[]" for field in fields)
    text = f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT * FROM UNNEST({arrays})"  # noqa: S608  own names
    return [Statement(text, tuple(list(values) for values in columns.values()))]


def put(model: type[Model], place: Mapping[str, Any], values: Mapping[str, Any]) -> Statement:
    """These values in the row at `place`, which is made when it is not there; by columns, a unique constraint's."""
    quote = _database().ops.quote_name
    added = new(model, {**place, **values})
    taken = ", ".join(map(quote, place))
    changed = ", ".join(f"{(column := quote(name))} = EXCLUDED.{column}" for name in values)
    return Statement(f"{added.text} ON CONFLICT ({taken}) DO UPDATE SET {changed}", added.values)


def update(model: type[Model], key: Any, values: Mapping[str, Any]) -> Statement:
    """Other values for some columns of the row with this primary key."""
    database = _database()
    columns, given = _assignments(model, values, database)
    place, identity = _assignments(model, {model._meta.pk.attname: key}, database)
    table = database.ops.quote_name(model._meta.db_table)
    return Statement(f"UPDATE {table} SET {', '.join(columns)} WHERE {place[0]}", (*given, *identity))  # noqa: S608


def delete(model: type[Model], scope: Mapping[str, Any]) -> Statement:
    """All rows whose columns have these values; at least one is named."""
    database = _database()
    columns, given = _assignments(model, scope, database)
    table = database.ops.quote_name(model._meta.db_table)
    return Statement(f"DELETE FROM {table} WHERE {' AND '.join(columns)}", tuple(given))  # noqa: S608


def delete_rows(model: type[Model], keys: Sequence[int]) -> list[Statement]:
    """The rows with these primary keys, which are numbers."""
    database = _database()
    table, column = database.ops.quote_name(model._meta.db_table), database.ops.quote_name(model._meta.pk.column)
    if database.vendor == "postgresql":
        return [Statement(f"DELETE FROM {table} WHERE {column} = ANY(%s::bigint[])", (list(keys),))]  # noqa: S608
    return [
        Statement(f"DELETE FROM {table} WHERE {column} IN ({', '.join(['%s'] * len(some))})", tuple(some))  # noqa: S608
        for some in (keys[at : at + MAX_PLACES] for at in range(0, len(keys), MAX_PLACES))
    ]


def write(statements: Iterable[Statement]) -> None:
    """Run them in this order, in the caller's transaction. Raises NotFound and Django's database errors."""
    database, waiting = _database(), list(statements)
    if database.vendor != "postgresql":
        with database.cursor() as cursor:
            for one in waiting:
                cursor.execute(one.text, one.values)
                _check_found(one, cursor)
        return
    for prepared, several in groupby(waiting, lambda one: one.prepared):
        if prepared:
            with cursors.binding(database) as cursor:
                for one in several:
                    cursor.execute(one.text, one.values)
                    _check_found(one, cursor)
        else:
            with database.cursor() as cursor:
                _write_at_once(list(several), cursor)


def _write_at_once(statements: list[Statement], cursor: Any) -> None:
    """All of them in one message, their values written into it."""
    cursor.execute("; ".join(one.text for one in statements), [value for one in statements for value in one.values])
    for place in range(max((at + 1 for at, one in enumerate(statements) if one.demanded), default=0)):
        if place:
            cursor.nextset()
        _check_found(statements[place], cursor)


def _check_found(statement: Statement, cursor: Any) -> None:
    if statement.demanded and cursor.fetchone() is None:
        raise NotFound(statement.text)


def _database() -> BaseDatabaseWrapper:
    return connections[DEFAULT_DB_ALIAS]


@lru_cache(maxsize=8)
def _selection(model: type[Model], vendor: str) -> tuple[str, list[tuple[Col, list[Any]]]]:
    """The statement that selects and locks a row, with what turns each column's value into Python's."""
    database = _database()
    quote = database.ops.quote_name
    found = [field.cached_col for field in model._meta.local_concrete_fields]
    columns = ", ".join(quote(column.target.column) for column in found)
    # SQLite's transactions begin IMMEDIATE here: the whole database is locked already.
    lock = " FOR UPDATE" if database.features.has_select_for_update else ""
    table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
    converters = [database.ops.get_db_converters(column) + column.get_db_converters(database) for column in found]
    return f"SELECT {columns} FROM {table} WHERE {key} = %s{lock}", list(zip(found, converters, strict=True))  # noqa: S608


@lru_cache(maxsize=128)
def _insertion(model: type[Model], vendor: str) -> tuple[str, tuple[Field[Any, Any], ...]]:
    """The statement that inserts a row, and the fields that it takes; each kind of database quotes in its own way."""
    quote = _database().ops.quote_name
    fields = tuple(field for field in model._meta.local_concrete_fields if not isinstance(field, AutoField))
    columns = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})", fields  # noqa: S608  own names


def _assignments(
    model: type[Model], values: Mapping[str, Any], database: BaseDatabaseWrapper
) -> tuple[list[str], list[Any]]:
    fields: list[Field[Any, Any]] = [model._meta.get_field(name) for name in values]  # type: ignore[misc]
    given = [field.get_db_prep_save(value, database) for field, value in zip(fields, values.values(), strict=True)]
    return [f"{database.ops.quote_name(field.column)} = %s" for field in fields], given
