"""An installation from a time of one log: its rows move to tables that know of several, and all of it holds."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from ledger.log import sequencer, triggers
from ledger.log.models import Checkpoint, Leaf
from ledger.log.verification import findings
from tests.factories import plain

BEFORE = ("ledger", "0009_anchors")


@pytest.fixture
def at_last(transactional_db):
    yield
    migrate()


def migrate(*targets):
    """To these, or to the newest of every app."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())


def rows():
    placed = list(Leaf.objects.order_by("index").values_list("index", "record_id"))
    return placed, list(Checkpoint.objects.order_by("size").values_list("size", "root", "note", "signed_at"))


def test_data_of_one_log_goes_there_and_back_and_all_of_it_holds(at_last):
    write = plain.noter(plain.plain_chain(), {"text": str(uuid4())})
    for _ in range(3):
        write()
        sequencer.drain()
    before = rows()

    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute('SELECT count(*), max("index") FROM ledger_leaf')
        old = cursor.fetchone()
    unprotected = triggers.missing(connection, triggers.LEDGER_TABLES)
    migrate()

    assert old == (len(before[0]), len(before[0]) - 1)
    assert unprotected == []
    assert rows() == before
    assert list(findings()) == []
    assert triggers.missing(connection, triggers.LEDGER_TABLES) == []
