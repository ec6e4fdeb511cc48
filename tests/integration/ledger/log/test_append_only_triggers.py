"""The append-only triggers on both engines, each in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dj_database_url
import pytest
from django.apps import apps
from django.db import IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from ledger.log import triggers
from tests import append_only

TABLE = "evidence"


def opened(settings: dict) -> BaseDatabaseWrapper:
    return ConnectionHandler({"default": settings})["default"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def connection(request, tmp_path: Path, django_db_setup, django_db_blocker) -> Iterator[BaseDatabaseWrapper]:
    # `django_db_setup`, because a schema editor begins a transaction on the database that is called "default" as well.
    url = f"sqlite:///{tmp_path / 'triggers.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with django_db_blocker.unblock():
        made = opened(dict(dj_database_url.parse(url)))
        yield made
        made.close()


@pytest.fixture
def evidence(connection) -> BaseDatabaseWrapper:
    """A protected table with one row."""
    run(
        connection,
        f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, chain integer, seq integer, body text, UNIQUE (chain, seq))",
    )
    with connection.schema_editor() as editor:
        triggers.install(editor, [TABLE])
    run(connection, f"INSERT INTO {TABLE} VALUES (1, 7, 0, 'collected')")
    return connection


def run(connection: BaseDatabaseWrapper, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def rows(connection: BaseDatabaseWrapper) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, chain, seq, body FROM {TABLE} ORDER BY id")
        return cursor.fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET body = 'lost'",
        "UPDATE evidence SET body = body",
        "UPDATE evidence SET id = 2",
        "DELETE FROM evidence",
        "DELETE FROM evidence WHERE id = 1",
        "INSERT INTO evidence VALUES (1, 7, 0, 'lost') ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        "INSERT INTO evidence VALUES (2, 7, 0, 'lost') ON CONFLICT (chain, seq) DO UPDATE SET body = excluded.body",
    ],
)
def test_no_statement_changes_a_row(evidence, statement):
    with pytest.raises(IntegrityError, match="evidence is append-only"):
        run(evidence, statement)
    assert rows(evidence) == [(1, 7, 0, "collected")]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO evidence VALUES (1, 9, 9, 'lost')",
        "REPLACE INTO evidence VALUES (2, 7, 0, 'lost')",
        "UPDATE OR REPLACE evidence SET body = 'lost'",
    ],
)
def test_sqlite_replaces_no_row(evidence, statement):
    if evidence.vendor != "sqlite":
        pytest.skip("PostgreSQL has no REPLACE.")
    with pytest.raises(IntegrityError, match="evidence is append-only"):
        run(evidence, statement)
    assert rows(evidence) == [(1, 7, 0, "collected")]


@pytest.mark.parametrize("statement", ["TRUNCATE evidence", "TRUNCATE evidence CASCADE", "TRUNCATE parent CASCADE"])
def test_postgresql_truncates_nothing(evidence, statement):
    if evidence.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE.")
    run(evidence, "CREATE TABLE parent (id integer PRIMARY KEY)")
    run(evidence, "ALTER TABLE evidence ADD parent integer REFERENCES parent")
    with pytest.raises(IntegrityError, match="evidence is append-only: TRUNCATE"):
        run(evidence, statement)
    assert rows(evidence) == [(1, 7, 0, "collected")]


def test_rows_can_be_added(evidence):
    run(evidence, "INSERT INTO evidence VALUES (2, 7, 1, 'packed'), (3, 8, 0, 'collected')")
    assert [row[0] for row in rows(evidence)] == [1, 2, 3]


def test_a_taken_key_is_an_integrity_error_as_before(evidence):
    with pytest.raises(IntegrityError):
        run(evidence, "INSERT INTO evidence VALUES (2, 7, 0, 'twice')")


def test_rows_without_a_value_in_the_key_do_not_collide(evidence):
    run(evidence, "INSERT INTO evidence VALUES (2, NULL, 0, 'a')")
    run(evidence, "INSERT INTO evidence VALUES (3, NULL, 0, 'b')")
    assert len(rows(evidence)) == 3


def test_other_tables_stay_as_they_are(evidence):
    run(evidence, "CREATE TABLE scratch (id integer PRIMARY KEY, body text)")
    run(evidence, "INSERT INTO scratch VALUES (1, 'a')")
    run(evidence, "UPDATE scratch SET body = 'b'")
    run(evidence, "DELETE FROM scratch")


def test_installing_again_and_removing_work(evidence):
    with evidence.schema_editor() as editor:
        triggers.install(editor, [TABLE])
    assert triggers.missing(evidence, [TABLE]) == []
    assert triggers.protected(evidence) == [TABLE]
    with evidence.schema_editor() as editor:
        triggers.remove(editor, [TABLE])
        triggers.remove(editor, [TABLE])
    assert triggers.missing(evidence, [TABLE]) == [TABLE]
    assert triggers.protected(evidence) == []
    run(evidence, "UPDATE evidence SET body = 'changed'")
    run(evidence, "DELETE FROM evidence")


def test_a_dropped_trigger_is_missed(evidence):
    on_table = " ON evidence" if evidence.vendor == "postgresql" else ""
    run(evidence, f"DROP TRIGGER evidence_no_delete{on_table}")
    assert triggers.missing(evidence, [TABLE, "never_made"]) == [TABLE, "never_made"]


def test_a_disabled_trigger_is_missed(evidence):
    if evidence.vendor != "postgresql":
        pytest.skip("SQLite cannot disable a trigger.")
    for state in ("DISABLE TRIGGER evidence_no_update", "ENABLE REPLICA TRIGGER evidence_no_update"):
        run(evidence, f"ALTER TABLE evidence {state}")
        assert triggers.missing(evidence, [TABLE]) == [TABLE]
    run(evidence, "ALTER TABLE evidence ENABLE ALWAYS TRIGGER evidence_no_update")
    assert triggers.missing(evidence, [TABLE]) == []


def test_a_table_without_a_key_is_refused_on_sqlite(connection):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no REPLACE, so it needs no key.")
    run(connection, "CREATE TABLE heap (body text)")
    with connection.schema_editor() as editor, pytest.raises(ValueError, match="no key"):
        triggers.install(editor, ["heap"])


def test_tables_that_a_test_lifts_are_protected_again(evidence):
    with append_only.lifted(evidence):
        run(evidence, "UPDATE evidence SET body = 'tampered'")
    assert rows(evidence) == [(1, 7, 0, "tampered")]
    with pytest.raises(IntegrityError):
        run(evidence, "DELETE FROM evidence")


def test_tables_can_be_lifted_inside_a_tests_transaction(evidence):
    run(
        evidence,
        "CREATE TABLE child (id integer PRIMARY KEY,"
        " evidence integer REFERENCES evidence DEFERRABLE INITIALLY DEFERRED)",
    )
    with evidence.schema_editor() as editor:
        triggers.install(editor, ["child"])
    evidence.set_autocommit(False)
    evidence.in_atomic_block = True
    run(evidence, "INSERT INTO child VALUES (1, 1)")
    with append_only.lifted(evidence):
        run(evidence, "UPDATE evidence SET body = 'tampered'")
        run(evidence, "UPDATE child SET evidence = 1")
    with pytest.raises(IntegrityError):
        run(evidence, "UPDATE child SET evidence = 1")
    evidence.in_atomic_block = False
    evidence.rollback()
    evidence.set_autocommit(True)
    assert rows(evidence) == [(1, 7, 0, "collected")]


def test_every_table_of_the_list_exists():
    tables = {model._meta.db_table for model in apps.get_app_config("ledger").get_models()}
    assert set(triggers.LEDGER_TABLES) <= tables
