"""A PostgreSQL database under the models, for tests in which many clients race."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import dj_database_url
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker

from ledger.log.world import DatabaseWorld
from ledger.parties import queries as parties
from tests.conftest import POSTGRES_URL


@pytest.fixture(scope="module")
def on_postgres(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Stand the models on a fresh, migrated PostgreSQL database while the module runs, and drop it afterwards.

    Every thread opens its own connection to it, as every request does; commits are real and stay, so each test brings
    therapies and slots of its own.
    """
    name = f"np_test_sched_{secrets.token_hex(5)}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        # Who waits for whom is the same; only nobody waits for the disk.
        server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    url = urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()
    with django_db_blocker.unblock():
        settings, connection = connections.settings["default"], connections["default"]
        connections.settings["default"] = connections.configure_settings({"default": dj_database_url.parse(url)})[
            "default"
        ]
        connections["default"] = connections.create_connection("default")
        _forget()
        try:
            call_command("migrate", verbosity=0)
            yield
        finally:
            connections["default"].close()
            connections.settings["default"], connections["default"] = settings, connection
            _forget()
            with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
                server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _forget() -> None:
    """What a process keeps of one database is not true of another."""
    DatabaseWorld.forget()
    parties.forget()
