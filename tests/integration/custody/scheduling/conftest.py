"""A PostgreSQL database under the models, for tests in which many clients race."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import dj_database_url
import psycopg
import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from ledger.log.world import DatabaseWorld
from ledger.parties import queries as parties
from tests import databases
from tests.services import POSTGRES_URL


@pytest.fixture(scope="module")
def on_postgres(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Stand the models on a fresh, migrated PostgreSQL database while the module runs, and drop it afterwards.

    Every thread opens its own connection to it, as every request does; commits are real and stay, so each test brings
    therapies and slots of its own.
    """
    name = f"np_test_sched_{secrets.token_hex(5)}"
    url = databases.new_postgres(name)
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        # Who waits for whom is the same; only nobody waits for the disk.
        server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with django_db_blocker.unblock():
        settings, connection = connections.settings["default"], connections["default"]
        connections.settings["default"] = connections.configure_settings({"default": dj_database_url.parse(url)})[
            "default"
        ]
        connections["default"] = connections.create_connection("default")
        _forget()
        try:
            yield
        finally:
            connections["default"].close()
            connections.settings["default"], connections["default"] = settings, connection
            _forget()
            databases.drop_postgres(name)


def _forget() -> None:
    """What a process keeps of one database is not true of another."""
    DatabaseWorld.forget()
    parties.forget()
