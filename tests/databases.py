"""Databases with every table and no rows, made by the migrations once for this state of the code and then copied.

Migrating takes a dozen seconds, and a run of all tests begins with a dozen databases.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.services import POSTGRES_URL, ROOT

KEPT = ROOT / ".pytest_cache" / "databases"


def new_sqlite(path: Path) -> None:
    """Put a migrated database of SQLite at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_sqlite_template(), path)


def new_postgres(name: str) -> str:
    """Make a migrated database of this name on the PostgreSQL server; its URL."""
    copy_postgres(_postgres_template(), name)
    return url_of(name)


def copy_postgres(template: str, name: str) -> None:
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server, _alone("copy"):
        # A template is copied only while nobody else copies it.
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def drop_postgres(name: str) -> None:
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@cache
def _sqlite_template() -> Path:
    made = KEPT / f"{_state()}.sqlite3"
    with _alone("sqlite"):
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=KEPT) as folder:
                path = Path(folder) / "new.sqlite3"
                _migrate(f"sqlite:///{path}", folder)
                os.replace(path, made)
    return made


@cache
def _postgres_template() -> str:
    name = f"np_template_{_state()}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server, _alone("postgres"):
        if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return name
        growing = f"{name}_new"
        server.execute(f'DROP DATABASE IF EXISTS "{growing}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{growing}"')
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:
            _migrate(url_of(growing), folder)
        server.execute(f'ALTER DATABASE "{growing}" RENAME TO "{name}"')
    return name


def _migrate(url: str, folder: str) -> None:
    left = {name: value for name, value in os.environ.items() if not name.startswith("NEEDLEPOINT_")}
    own = {"DATABASE_URL": url, "NEEDLEPOINT_DATA_DIR": folder, "NEEDLEPOINT_WORKER": "none", "REDIS_URL": ""}
    command = [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity", "0"]
    done = subprocess.run(command, cwd=ROOT, env=left | own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The migrations failed.\n{done.stdout}{done.stderr}")
    path = urlsplit(url).path
    if url.startswith("sqlite") and Path(f"{path}-wal").exists():
        raise RuntimeError("SQLite's journal of the migrations was not taken into the database.")


@cache
def _state() -> str:
    """A digest of what a migrated database follows from: the migrations, the models, and the packages."""
    seal = hashlib.sha256(sys.version.encode())
    for path in sorted([*ROOT.glob("*/migrations/*.py"), *ROOT.glob("*/**/models.py"), ROOT / "requirements.txt"]):
        if ".venv" not in path.parts and "node_modules" not in path.parts:
            seal.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    for path in (ROOT / "ledger" / "log" / "triggers.py", ROOT / "portal" / "settings.py"):
        seal.update(path.read_bytes())
    return seal.hexdigest()[:16]


def url_of(name: str) -> str:
    return urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """While one process of this tree is within, the others wait."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
