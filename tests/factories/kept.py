"""What many tests begin with, told by the real operations once a process and put back row by row afterwards.

A consortium takes seconds to found and a therapy to walk; hundreds of tests begin with the same ones. The first time,
what was told is compared with what stood there before; the next time the rows that it left are written back. That is
done only where the database stands as it stood then: else, and on PostgreSQL, it is told anew.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

T = TypeVar("T")
Rows = dict[str, dict[int, tuple[Any, ...]]]
Place = tuple[Any, ...]

_NOWHERE: Place = ()


@dataclass(frozen=True)
class _Kept:
    """What came of it, the rows that it wrote and took away by table, and how many rows these tables had before."""

    result: Any
    written: Rows
    gone: dict[str, list[int]]
    before: dict[str, int]


_all: dict[Place, _Kept] = {}
_here: tuple[Place, int] = (_NOWHERE, -1)
"""Where this process's database stands, and SQLite's count of changed rows at which it stood there."""


def forget_where() -> None:
    """Nothing is known of the database: a test begins, and the one before it was undone."""
    global _here
    _here = (_NOWHERE, -1)


def from_the_start(name: Place, tell: Callable[[], T]) -> T:
    """What `tell` makes of a database in which nothing of its kind was told yet."""
    return _reach((settings.LOGS, str(settings.KEY_DIR), *name), tell, starts=True)


def going_on(name: Place, tell: Callable[[], T]) -> T:
    """What `tell` makes of the database as it was left by what was told before it in this test."""
    place, changes = _here
    if place == _NOWHERE or not _can_be_kept() or connection.connection.total_changes != changes:
        return tell()
    return _reach((*place, settings.LOGS, *name), tell, starts=False)


def _reach(place: Place, tell: Callable[[], T], *, starts: bool) -> T:
    global _here
    if not _can_be_kept():
        return tell()
    kept = _all.get(place)
    if kept is None:
        kept = _tell(place, tell)
    elif starts and _counts(kept.before) != kept.before:
        return tell()
    else:
        _write(kept)
    _here = (place, connection.connection.total_changes)
    return copy.deepcopy(kept.result)  # type: ignore[no-any-return]


def _can_be_kept() -> bool:
    # Without a transaction around the test, what was told may be undone by others, and at any time.
    return connection.vendor == "sqlite" and connection.in_atomic_block


def _tell(place: Place, tell: Callable[[], Any]) -> _Kept:
    before = _rows()
    result = copy.deepcopy(tell())
    after = _rows()
    written: Rows = {}
    gone: dict[str, list[int]] = {}
    for table, rows in after.items():
        stood = before[table]
        if new := {number: row for number, row in rows.items() if stood.get(number) != row}:
            written[table] = new
        if lost := [number for number in stood if number not in rows]:
            gone[table] = lost
    touched = {*written, *gone}
    _all[place] = _Kept(result, written, gone, {table: len(before[table]) for table in touched})
    return _all[place]


def _write(kept: _Kept) -> None:
    with connection.cursor() as cursor:
        for table, numbers in kept.gone.items():
            cursor.executemany(f'DELETE FROM "{table}" WHERE rowid = %s', [(number,) for number in numbers])
        for table, rows in kept.written.items():
            columns = _columns(table)
            names = ", ".join(f'"{name}"' for name in ("rowid", *columns))
            places = ", ".join(["%s"] * (len(columns) + 1))
            cursor.executemany(
                f'INSERT OR REPLACE INTO "{table}" ({names}) VALUES ({places})',
                [(number, *row) for number, row in rows.items()],
            )


def _rows() -> Rows:
    """Every row of every table, by its number. Past Django, whose cursor would make other values of them."""
    found: Rows = {}
    for table in _tables():
        names = ", ".join(f'"{name}"' for name in ("rowid", *_columns(table)))
        found[table] = {row[0]: row[1:] for row in connection.connection.execute(f'SELECT {names} FROM "{table}"')}
    return found


def _counts(of: dict[str, int]) -> dict[str, int]:
    if not of:
        return {}
    asked = ", ".join(f'(SELECT count(*) FROM "{table}")' for table in of)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}")
        return dict(zip(of, cursor.fetchone(), strict=True))


@cache
def _tables() -> tuple[str, ...]:
    return tuple(connection.introspection.table_names())


@cache
def _columns(table: str) -> tuple[str, ...]:
    return tuple(row[1] for row in connection.connection.execute(f'PRAGMA table_info("{table}")'))
