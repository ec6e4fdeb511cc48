"""Installations of these tests."""

import shutil

import pytest

from tests.integration.portal.live.installation import Installation


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


@pytest.fixture
def install(request, tmp_path):
    """Make the test's installation: `install(engine, **environment)`."""
    made = []

    def make(engine, **environment):
        if engine == "postgresql":
            made.append(Installation(tmp_path, request.getfixturevalue("postgres_url"), **environment))
            made[-1].migrate()
        else:
            shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path)
            made.append(Installation(tmp_path, f"sqlite:///{tmp_path}/probe.sqlite3", **environment))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
