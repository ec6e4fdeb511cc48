"""What the database promises about a commit: it is on the disk before anybody is told that a record is signed."""

import sqlite3

import pytest
from django.conf import settings
from django.db import connection

FULL = 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL waits for the disk by default")
@pytest.mark.django_db
def test_sqlite_waits_for_the_disk_at_each_commit():
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (FULL,)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="speaks of SQLite's settings")
def test_a_database_file_keeps_the_write_ahead_log(tmp_path):
    with sqlite3.connect(tmp_path / "a.sqlite3") as file:
        file.executescript(settings.DATABASES["default"]["OPTIONS"]["init_command"])
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert file.execute("PRAGMA synchronous").fetchone() == (FULL,)
    file.close()
