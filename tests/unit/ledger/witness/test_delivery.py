"""A witness's database of an earlier version is taken over, and reports wait in it until they are delivered."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from ledger.divergence import report
from ledger.witness import schema
from ledger.witness.breaches import Breach
from ledger.witness.configuration import BadSettings, load
from ledger.witness.delivery import Delivery
from ledger.witness.store import REPEAT, Store
from tests.unit.ledger.witness.logs import LOG_KEY, ORIGIN, STARTED


def test_a_database_of_the_first_version_keeps_its_reports_and_sends_them(tmp_path, keys):
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(schema.TABLES.replace(",\n    delivered_at TEXT", ""))
        for column in ("log", '"index"', "seen"):
            database.execute(f"ALTER TABLE chain DROP COLUMN {column}")
        database.executescript("DROP TABLE register_state; DROP TABLE member_log;")
        database.execute(
            "INSERT INTO chain VALUES (?, 'c', 'register', 'member', 0, 'h', ?)",
            [ORIGIN, '{"keys": ["' + "11" * 32 + '"]}'],
        )
        database.execute(
            "INSERT INTO report (origin, kind, size, problem, fingerprint, first_at, last_at) "
            "VALUES (?, 'fork', 3, 'x', 'f', '2026-03-02T08:00:00.000000Z', '2026-03-02T08:00:00.000000Z')",
            [ORIGIN],
        )
        database.execute("PRAGMA user_version = 1")
        database.commit()

    store = Store(path)
    [waiting] = store.undelivered()
    made = report.parse(Delivery(store, keys, {}, say=print).document(waiting))
    store.delivered(waiting.id, at=STARTED)

    assert (made.finding.kind, made.finding.size) == ("fork", 3)
    report.check_signature(made, keys.vkeys[0])
    assert store.undelivered() == []
    assert [now.state for now in store.register_states(ORIGIN, "member")] == [{"keys": ["11" * 32]}]
    chain = store.chain(ORIGIN, "c")
    assert chain is not None
    assert (chain.link.seq, chain.link.log) == (0, ORIGIN)
    store.close()


def test_a_report_that_nobody_takes_is_kept_and_said(store, keys, free_port):
    store.report(Breach("fork", "It forked.", origin=ORIGIN, size=3), at=STARTED)
    delivery = Delivery(store, keys, {ORIGIN: f"http://127.0.0.1:{free_port}/api/divergences/"}, say=print)

    assert "cannot be reached" in delivery.turn()
    assert len(store.undelivered()) == 1


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("", "https://portal.example/api/divergences/"),
        ('report_to = "https://authority.example/reports"', "https://authority.example/reports"),
        ('report_to = ""', ""),
    ],
)
def test_where_reports_go(tmp_path, line, address):
    assert load(_settings(tmp_path, line)).logs[0].report_to == address


@pytest.mark.parametrize("line", ["report_to = 5", 'report_to = "ftp://authority.example"'])
def test_a_place_where_no_report_can_go_is_refused(tmp_path, line):
    with pytest.raises(BadSettings, match="report_to"):
        load(_settings(tmp_path, line))


def _settings(folder, line):
    path = folder / "witness.toml"
    path.write_text(
        f'name = "member.example"\nfolder = "memory"\n[[log]]\norigin = "{ORIGIN}"\nkeys = ["{LOG_KEY}"]\n'
        f'url = "https://portal.example/log"\n{line}\n'
    )
    return path


def test_what_still_breaks_is_sent_again_with_the_time_at_which_it_was_seen_last(store, keys):
    breach = Breach("fork", "It forked.", origin=ORIGIN, size=3)
    store.report(breach, at=STARTED)
    [first] = store.undelivered()
    store.delivered(first.id, at=STARTED)

    store.report(breach, at=STARTED + REPEAT)
    assert store.undelivered() == [], "it was told a moment ago"
    later = STARTED + REPEAT + timedelta(seconds=1)
    store.report(breach, at=later)

    [again] = store.undelivered()
    made = report.parse(Delivery(store, keys, {}, say=print).document(again))
    assert made.finding.detected_at == later
    store.delivered(again.id, at=later)
    assert store.undelivered() == []


def test_a_portal_that_takes_no_more_for_now_loses_nothing(store, keys):
    for number in range(3):
        store.report(Breach("fork", f"It forked at {number}.", origin=ORIGIN, size=number), at=STARTED)
    asked = []

    class Full(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_error(429)

        def log_message(self, format, *args):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Full) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        said = Delivery(
            store, keys, {ORIGIN: f"http://127.0.0.1:{server.server_address[1]}/api/divergences/"}, say=print
        ).turn()
        server.shutdown()
        thread.join()

    assert "no more for now" in said
    assert len(asked) == 1, "the others wait as well"
    assert len(store.undelivered()) == 3
