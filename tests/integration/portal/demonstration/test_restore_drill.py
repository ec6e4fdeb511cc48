"""`manage.py restore_drill` on both engines: a restored backup erases again, and nothing of the drill stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests import databases

FOUND = (sys.executable, "-m", "tests.integration.ledger.privacy.house", "found", "2")


def _drill(manage, tmp_path, database):
    data = str(tmp_path / "data")
    environment = {"DATABASE_URL": database, "NEEDLEPOINT_DATA_DIR": data, "NEEDLEPOINT_WORKER": "none"}
    subprocess.run(FOUND, cwd=settings.BASE_DIR, env={**os.environ, **environment}, check=True, timeout=600)
    done = manage("restore_drill", timeout=600, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The drill holds" in done.stdout
    assert "The restored ledger verifies, with the erasure on it" in done.stdout
    after = manage("verify", "--quiet", **environment)
    assert after.returncode == 0, after.stdout
    assert not (tmp_path / "data" / "erasures").exists()


def test_on_sqlite(manage, tmp_path):
    database = tmp_path / "data" / "np.sqlite3"
    databases.new_sqlite(database)
    _drill(manage, tmp_path, f"sqlite:///{database}")


@pytest.mark.postgres
def test_on_postgresql(manage, tmp_path, migrated_postgres_url):
    _drill(manage, tmp_path, migrated_postgres_url)
