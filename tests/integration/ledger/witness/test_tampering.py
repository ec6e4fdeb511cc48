"""Each attack of the tamper demonstration, on a running portal with a running witness: seen, and told to all."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.conf import settings
from websockets.sync.client import connect

from ledger.clock import parse_stamp

LIVE_SECONDS = 5
SIGN_IN = """
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from portal.accounts.models import Membership
user = Membership.objects.filter(role="inspector").first().user
session = SessionStore()
session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(settings.SESSION_COOKIE_NAME + "=" + session.session_key)
"""


class Watched:
    """A portal, a witness that has checked everything, and an inspector's open page."""

    def __init__(self, house):
        self.house = house
        path, _, self.log_key, _ = house.witness("X0042")
        self.witness = house.start("manage.py", "witness", "--settings", str(path))
        size = int(house.tell("from ledger.log.models import Leaf; print(Leaf.objects.count())")[0])
        house.until(lambda: (house.folder / "X0042").exists() and house.remembered("X0042")[1] == size, "it co-signed")
        self.cookie = house.tell(SIGN_IN)[0]

    def page(self, path, *, binary=False):
        status, data = self.house.fetch(path, Cookie=self.cookie)
        assert status == 200, f"{path} answers {status}"
        return data if binary else data.decode()

    def attack(self, kind):
        """Tamper, and wait on an open page's socket. The report's row, and seconds from its detection to the frame."""
        address = f"ws://127.0.0.1:{self.house.port}/live/"
        origin = f"http://127.0.0.1:{self.house.port}"
        with connect(address, origin=origin, additional_headers={"Cookie": self.cookie}) as live:
            while json.loads(live.recv(timeout=30))["kind"] != "ready":
                pass
            self.house.manage("unsafe_tamper", kind)
            deadline = time.monotonic() + 30
            while json.loads(live.recv(timeout=max(0.1, deadline - time.monotonic())))["kind"] != "ledger.divergence":
                pass
            heard = datetime.now(UTC)
        with closing(sqlite3.connect(self.house.folder / "X0042" / "witness.sqlite3", timeout=30)) as memory:
            kind, first_at = memory.execute("SELECT kind, first_at FROM report ORDER BY id").fetchone()
        return kind, (heard - parse_stamp(first_at)).total_seconds()

    def evidence(self):
        """The first divergence's evidence, as an inspector downloads it."""
        identity = self.house.tell("from ledger.divergence.models import *; print(Divergence.objects.first().pk)")[0]
        path = self.house.folder / "evidence.zip"
        path.write_bytes(self.page(f"/divergences/{identity}/evidence.zip", binary=True))
        assert zipfile.is_zipfile(path)
        return path


@pytest.fixture
def watched(house):
    return Watched(house)


def judged(path, log_key):
    """The offline check, in a process without a database."""
    return subprocess.run(
        [sys.executable, "-m", "ledger.divergence", str(path), "--log-key", log_key],
        cwd=settings.BASE_DIR,
        env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.timed
@pytest.mark.parametrize(
    ("attack", "reported", "status"),
    [
        ("edit-record", "altered_entry", 0),
        ("rewrite-log", "fork", 0),
        ("split-view", "split_view", 0),
        ("rollback", "rollback", 1),
    ],
)
def test_an_attack_turns_every_screen_red_within_five_seconds_of_its_detection(watched, attack, reported, status):
    assert "The ledger has diverged" not in watched.page("/")

    kind, seconds = watched.attack(attack)

    assert kind == reported
    assert seconds < LIVE_SECONDS, f"{seconds:.2f} s from detection to an open page"
    print(f"{attack}: {seconds:.2f} s from detection to an open page")
    for path in ("/", "/ledger/", "/divergences/"):
        assert "The ledger has diverged:" in watched.page(path)
    verdict = judged(watched.evidence(), watched.log_key)
    assert verdict.returncode == status, verdict.stdout + verdict.stderr


def test_a_report_waits_for_the_portal_and_is_taken_once_it_is_back(watched):
    house = watched.house
    house.stop_serving()
    house.manage("unsafe_tamper", "edit-record")
    with closing(sqlite3.connect(house.folder / "X0042" / "witness.sqlite3", timeout=30)) as memory:
        memory.execute(
            "INSERT INTO report (origin, kind, size, problem, fingerprint, first_at, last_at) SELECT origin, "
            "'truncated', seen_size, 'made by a test', 'x', '2026-01-05T08:00:00.000000Z', "
            "'2026-01-05T08:00:00.000000Z' FROM log"
        )
        memory.commit()
    house.serve()

    def delivered():
        with closing(sqlite3.connect(house.folder / "X0042" / "witness.sqlite3", timeout=30)) as memory:
            return memory.execute("SELECT count(*) FROM report WHERE delivered_at IS NULL").fetchone() == (0,) and (
                memory.execute("SELECT count(*) FROM report").fetchone()[0] > 1
            )

    house.until(delivered, "both reports are taken")
    assert house.tell("from ledger.divergence.models import *; print(DivergenceReport.objects.count())") == ["2"]


def test_production_refuses_to_tamper(founded, manage):
    done = manage(
        "unsafe_tamper",
        "edit-record",
        NEEDLEPOINT_MODE="production",
        NEEDLEPOINT_SECRET_KEY="x" * 60,
        NEEDLEPOINT_KEY_ENCRYPTION_KEY="ab" * 32,
        NEEDLEPOINT_EMAIL_URL="smtps://user:pass@mail.example",
        NEEDLEPOINT_PUBLIC_URL="https://portal.example",
    )

    assert done.returncode == 1
    assert "demonstration mode only" in done.stderr, done.stderr
