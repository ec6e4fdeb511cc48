"""Append-only tables, held by the database itself: triggers that refuse UPDATE, DELETE and TRUNCATE.

They stop mistakes and every statement that the application's role can send. Who owns the tables can drop a trigger
and who owns the machine can edit the file: those are what the witnesses are for, and `missing` tells when a trigger
is gone.

SQLite has no TRUNCATE, but its INSERT OR REPLACE deletes the old row without firing a delete trigger, so a third
trigger refuses an insert whose key is taken. SQLite also drops triggers with their table when a migration remakes it:
install again after migrating.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_FUNCTION = "needlepoint_append_only"

LEDGER_TABLES = (
    "ledger_record",
    "ledger_signedname",
    "ledger_leaf",
    "ledger_checkpoint",
    "ledger_document",
    "ledger_refusedaction",
)
"""The evidence itself. Tiles, chain heads and the pending queue change by their nature; `verify` checks them."""
DIVERGENCE_TABLES = (
    "ledger_divergence",
    "ledger_divergencereport",
    "ledger_divergenceacknowledgement",
    "ledger_divergenceresolution",
)
"""What witnesses reported, who saw it, and how it was settled."""
_others: list[str] = []


def also(tables: Iterable[str]) -> None:
    """A room above has append-only tables of its own; it says so once, at start-up."""
    _others.extend(table for table in tables if table not in _others)


def every_table() -> tuple[str, ...]:
    """Every table that has to be append-only."""
    return LEDGER_TABLES + DIVERGENCE_TABLES + tuple(_others)


def install(schema_editor: BaseDatabaseSchemaEditor, tables: Iterable[str]) -> None:
    """Make `tables` append-only; again and again without harm. A refused statement raises `IntegrityError`."""
    tables = list(tables)
    remove(schema_editor, tables)
    if _is_postgresql(schema_editor.connection):
        schema_editor.execute(_POSTGRESQL_FUNCTION, params=None)
    for table in tables:
        for statement in _creation(schema_editor.connection, table):
            schema_editor.execute(statement, params=None)


def remove(schema_editor: BaseDatabaseSchemaEditor, tables: Iterable[str]) -> None:
    """Let `tables` be changed again: for the reverse of a migration only."""
    connection = schema_editor.connection
    for table in tables:
        for trigger in _names(connection, table):
            on_table = f" ON {connection.ops.quote_name(table)}" if _is_postgresql(connection) else ""
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {connection.ops.quote_name(trigger)}{on_table}", params=None)


def missing(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> list[str]:
    """Those of `tables` that the database does not protect, or only in part, at this moment."""
    found = _active(connection)
    return [table for table in tables if any((table, name) not in found for name in _names(connection, table))]


def protected(connection: BaseDatabaseWrapper) -> list[str]:
    """Every table that the database protects whole at this moment."""
    tables = sorted({table for table, _ in _active(connection)})
    gaps = missing(connection, tables)
    return [table for table in tables if table not in gaps]


def _active(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    """Table and name of every trigger that fires in an ordinary session."""
    with connection.cursor() as cursor:
        if _is_postgresql(connection):
            # 'O' fires in ordinary sessions, 'A' always; 'D' is disabled and 'R' fires in replicas only.
            cursor.execute(
                "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE pg_table_is_visible(c.oid) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"
            )
        else:
            cursor.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")
        return set(cursor.fetchall())


def _is_postgresql(connection: BaseDatabaseWrapper) -> bool:
    if connection.vendor not in ("postgresql", "sqlite"):
        raise NotImplementedError(f"There are no append-only triggers for {connection.vendor}.")
    return connection.vendor == "postgresql"


def _names(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    kinds = ("update", "delete", "truncate") if _is_postgresql(connection) else ("update", "delete", "replace")
    return [f"{table}_no_{kind}" for kind in kinds]


def _creation(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    quote = connection.ops.quote_name
    on, names = quote(table), [quote(name) for name in _names(connection, table)]
    if _is_postgresql(connection):
        return [
            f"CREATE TRIGGER {names[0]} BEFORE UPDATE ON {on} FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()",
            f"CREATE TRIGGER {names[1]} BEFORE DELETE ON {on} FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()",
            f"CREATE TRIGGER {names[2]} BEFORE TRUNCATE ON {on} FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()",
        ]
    taken = " OR ".join(_exists(connection, table, key) for key in _unique_keys(connection, table))
    return [
        f"CREATE TRIGGER {names[0]} BEFORE UPDATE ON {on} BEGIN {_raise(table, 'UPDATE')}; END",
        f"CREATE TRIGGER {names[1]} BEFORE DELETE ON {on} BEGIN {_raise(table, 'DELETE')}; END",
        f"CREATE TRIGGER {names[2]} BEFORE INSERT ON {on} WHEN {taken} BEGIN {_raise(table, 'a taken key')}; END",
    ]


def _exists(connection: BaseDatabaseWrapper, table: str, key: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    same = " AND ".join(f"{quote(column)} = NEW.{quote(column)}" for column in key)
    return f"EXISTS (SELECT 1 FROM {quote(table)} WHERE {same})"  # noqa: S608  quoted names of our own tables


def _raise(table: str, what: str) -> str:
    text = f"{table} is append-only: {what} is refused".replace("'", "''")
    return f"SELECT RAISE(ABORT, '{text}')"


def _unique_keys(connection: BaseDatabaseWrapper, table: str) -> list[tuple[str, ...]]:
    """The columns of the primary key and of each unique index of a SQLite table, but not of partial ones."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pragma_table_info(%s) WHERE pk > 0 ORDER BY pk", [table])
        keys = {tuple(name for (name,) in cursor.fetchall())}
        cursor.execute('SELECT name FROM pragma_index_list(%s) WHERE "unique" AND NOT partial', [table])
        for (index,) in cursor.fetchall():
            cursor.execute("SELECT name FROM pragma_index_info(%s) ORDER BY seqno", [index])
            keys.add(tuple(name for (name,) in cursor.fetchall()))
    keys = {key for key in keys if key and None not in key}
    if not keys:
        raise ValueError(f"{table} has no key, so its rows cannot be told apart.")
    return sorted(keys)


_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$
"""
