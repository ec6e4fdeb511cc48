"""A small consortium's portal, founded once and copied for each test."""

from __future__ import annotations

import shutil

import pytest

from tests import databases
from tests.integration.ledger.witness.house import FOUND, House


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    """The folder of a portal with its members, made once and copied for each test."""
    made = House(tmp_path_factory.mktemp("founded"), 0)
    (made.folder / "policy").write_text("quorum none\n")
    databases.new_sqlite(made.folder / "portal.sqlite3")
    made.tell(FOUND + "small_consortium(days=2); sequencer.drain()")
    return made.folder


@pytest.fixture
def house(founded, tmp_path, free_port):
    shutil.copytree(founded, tmp_path / "house")
    made = House(tmp_path / "house", free_port)
    made.serve()
    yield made
    made.close()
