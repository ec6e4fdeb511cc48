"""Append-only tables under test: emptied between tests, and tampered with on purpose.

The application has no way round its triggers and gets none for our sake: what is here drops them and makes them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations

from ledger.log import triggers


class _Direct:
    """Stands in for a schema editor, which SQLite refuses inside a test's transaction."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def execute(self, sql: str, params: Any = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within, every protected table can be changed, as by somebody who owns the database."""
    tables = triggers.protected(connection)
    direct: Any = _Direct(connection)
    triggers.remove(direct, tables)
    try:
        yield
    finally:
        triggers.install(direct, tables)


def let_flush_empty_them() -> None:
    """Tests that commit end with Django's flush, which has to empty append-only tables as well."""
    plain = BaseDatabaseOperations.execute_sql_flush

    def execute_sql_flush(self: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
        with lifted(self.connection):
            plain(self, sql_list)

    BaseDatabaseOperations.execute_sql_flush = execute_sql_flush  # type: ignore[method-assign]
