"""What every test stands on: no network but this machine, keys and files in a temporary folder, services named plainly.

A test that needs a service carries its marker (see `tests.services`). Where the service is missing it is
skipped with a word that says so; with CI=true it fails instead, so that a green build has run everything.

`postgres` means that a server has to be reachable (`NEEDLEPOINT_TEST_POSTGRES_URL`); `postgres(orm=True)` that the
tested portal itself has to stand on it: those run where DATABASE_URL names PostgreSQL, as `make test` does in its
second pass.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from _pytest import junitxml
from django.conf import settings
from django.core.cache import cache as django_cache
from django.db import connections
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from portal.validation.source import PROPERTY, source_digest
from tests import append_only, databases
from tests.factories import kept
from tests.services import CI, POSTGRES_URL, REDIS_URL, SERVICES

# A build says the same of the same tree each time; runs on somebody's own machine go on looking for new examples. No
# example has a deadline of its own: other tests run beside it, and a slow example is not a wrong one.
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis_settings.register_profile("exploring", deadline=None)
hypothesis_settings.load_profile("ci" if CI else "exploring")


STARTS_PROCESSES = (
    "tests/integration/portal/live/",
    "tests/integration/portal/accounts/test_sign_on.py",
    "tests/integration/ledger/anchors/",
    "tests/integration/ledger/log/test_killed_sequencers.py",
    "tests/integration/ledger/privacy/test_rotation.py",
    "tests/integration/ledger/witness/",
)
"""Tests that start servers, workers or nodes and wait for them. Where other tests starve one it is tried once more, and
the run says so (R); a test that fails twice has failed."""


def pytest_configure(config: pytest.Config) -> None:
    # MD5 is no password hash for people; here it saves a third of a second for each account that a test makes.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.KEY_ENCRYPTION_KEY = bytes(range(32))
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    # A server lists its static files when it starts, and to these tests each client is a server of its own: here a file
    # is looked for when it is asked for.
    settings.WHITENOISE_AUTOREFRESH = True
    append_only.let_flush_empty_them()
    if not _stands_on_postgres():
        # A fixture that forgets the mark `django_db` gets an error and not somebody's own database.
        settings.DATABASES["default"]["NAME"] = os.devnull + "/no-database-for-tests"


def pytest_sessionstart(session: pytest.Session) -> None:
    """A run states which source it tested, so that nobody takes results of another version for those of this one."""
    xml = session.config.stash.get(junitxml.xml_key, None)
    if xml is not None:
        xml.add_global_property(PROPERTY, source_digest(settings.BASE_DIR)[0])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(STARTS_PROCESSES):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))
    if config.getoption("markexpr"):
        return
    benches = [item for item in items if item.get_closest_marker("bench")]
    if benches:
        config.hook.pytest_deselected(items=benches)
        items[:] = [item for item in items if item not in benches]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, (_, missing) in SERVICES.items():
        marker = item.get_closest_marker(name)
        if marker is None:
            continue
        reason = missing()
        if reason and CI:
            pytest.fail(reason, pytrace=False)
        if reason:
            pytest.skip(reason)
        if marker.kwargs.get("orm") and not _stands_on_postgres():
            pytest.skip("runs where DATABASE_URL names PostgreSQL, in the second pass of `make test`")


def _stands_on_postgres() -> bool:
    return settings.DATABASES["default"]["ENGINE"].endswith("postgresql")


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys, mail and files of this run (of this worker, under xdist) lie in a folder of its own."""
    folder = tmp_path_factory.mktemp("needlepoint")
    settings.DATA_DIR = folder
    settings.KEY_DIR = folder / "keys"
    settings.ERASURE_DIR = folder / "erasures"
    settings.EMAIL_FILE_PATH = str(folder / "mail")


@pytest.fixture(scope="session", autouse=True)
def _provers_end_with_the_run() -> Iterator[None]:
    """A prover reads its key for ten seconds, so the tests of one process share it, as the jobs of a worker do."""
    yield
    from custody.compliance.tasks import close_provers

    close_provers()


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Rate limits and remembered form results of one test never reach the next."""
    django_cache.clear()
    from custody.patients import access_log
    from ledger.privacy import installation

    installation.forget()
    access_log.forget()
    kept.forget_where()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A migrated database of this process's own. SQLite in a file, as it is used, and not in memory, where its locks
    behave otherwise."""
    connection, name = connections["default"], f"np_test_{os.getpid()}"
    if _stands_on_postgres():
        databases.new_postgres(name)
    else:
        name = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        databases.new_sqlite(Path(name))
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    yield
    with django_db_blocker.unblock():
        connections.close_all()
    if _stands_on_postgres():
        close_pool = getattr(connections["default"], "close_pool", None)
        if close_pool is not None:
            close_pool()
        databases.drop_postgres(name)


@pytest.fixture
def fresh_keystore(tmp_path: Path) -> Iterator[Path]:
    """An empty keystore for tests that count or damage its files."""
    before, settings.KEY_DIR = settings.KEY_DIR, tmp_path / "keys"
    yield settings.KEY_DIR
    settings.KEY_DIR = before


@pytest.fixture
def at() -> datetime:
    """The moment at which a test plays."""
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped afterwards; for tests that run `manage.py` or a server."""
    import psycopg

    name = f"np_test_{secrets.token_hex(6)}"
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    yield urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()
    databases.drop_postgres(name)


@pytest.fixture
def migrated_postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL database with every table and no rows, dropped afterwards."""
    name = f"np_test_{secrets.token_hex(6)}"
    yield databases.new_postgres(name)
    databases.drop_postgres(name)


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The URL of an emptied Redis database that no other process of this test run uses; a server has sixteen."""
    import redis

    address = urlsplit(REDIS_URL)
    number = int(address.path.strip("/") or 0) - int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    url = address._replace(path=f"/{number % 16}").geturl()
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def manage(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `manage.py` in a process of its own with settings of its own: `manage("verify", DATABASE_URL=…)`."""
    import sys

    def run(*arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {
            "NEEDLEPOINT_DATA_DIR": str(tmp_path / "data"),
            "DATABASE_URL": f"sqlite:///{tmp_path / 'data' / 'needlepoint.sqlite3'}",
            "NEEDLEPOINT_WORKER": "none",
        }
        kept = {
            name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        }
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env={**kept, **own, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
