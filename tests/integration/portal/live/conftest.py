"""Installations of these tests."""

import os
import shutil
from collections.abc import Iterator

import psycopg
import pytest

from tests import databases
from tests.integration.portal.live.installation import Installation
from tests.services import POSTGRES_URL


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request):
    return request.param


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory):
    """A database with tables and no rows, to copy: making one takes longer than most of these tests."""
    folder = tmp_path_factory.mktemp("empty")
    installation = Installation(folder, f"sqlite:///{folder}/probe.sqlite3")
    installation.migrate()
    installation.close()
    return folder / "probe.sqlite3"


@pytest.fixture(scope="session")
def empty_postgres(tmp_path_factory) -> Iterator[str]:
    """The name of a PostgreSQL database with tables and no rows, to be the template of others."""
    name = f"np_test_probe_{os.getpid()}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    installation = Installation(tmp_path_factory.mktemp("empty"), databases.url_of(name))
    installation.migrate()
    installation.close()
    yield name
    databases.drop_postgres(name)


@pytest.fixture
def probe_postgres(empty_postgres) -> Iterator[str]:
    """The URL of a copy of it, dropped afterwards."""
    name = f"{empty_postgres}_copy"
    databases.copy_postgres(empty_postgres, name)
    yield databases.url_of(name)
    databases.drop_postgres(name)


@pytest.fixture
def install(request, tmp_path):
    """Make the test's installation: `install(engine, **environment)`."""
    made = []

    def make(engine, **environment):
        if engine == "postgresql":
            made.append(Installation(tmp_path, request.getfixturevalue("probe_postgres"), **environment))
        else:
            shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path)
            made.append(Installation(tmp_path, f"sqlite:///{tmp_path}/probe.sqlite3", **environment))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
