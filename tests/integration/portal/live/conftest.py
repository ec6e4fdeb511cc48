"""Installations of these tests."""

import os
from collections.abc import Iterator

import pytest

from tests import databases
from tests.integration.portal.live.installation import Installation


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request):
    return request.param


@pytest.fixture
def probe_postgres() -> Iterator[str]:
    """The URL of a database with tables and no rows, dropped afterwards."""
    name = f"np_test_probe_{os.getpid()}"
    yield databases.new_postgres(name)
    databases.drop_postgres(name)


@pytest.fixture
def install(request, tmp_path):
    """Make the test's installation: `install(engine, **environment)`."""
    made = []

    def make(engine, **environment):
        if engine == "postgresql":
            made.append(Installation(tmp_path, request.getfixturevalue("probe_postgres"), **environment))
        else:
            databases.new_sqlite(tmp_path / "probe.sqlite3")
            made.append(Installation(tmp_path, f"sqlite:///{tmp_path}/probe.sqlite3", **environment))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
