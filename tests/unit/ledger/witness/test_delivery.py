"""A witness's database of an earlier version is taken over, and reports wait in it until they are delivered."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from ledger.divergence import report
from ledger.witness import schema
from ledger.witness.breaches import Breach
from ledger.witness.configuration import BadSettings, load
from ledger.witness.delivery import Delivery
from ledger.witness.store import Store
from tests.unit.ledger.witness.logs import LOG_KEY, ORIGIN, STARTED


def test_a_database_of_the_first_version_keeps_its_reports_and_sends_them(tmp_path, keys):
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(schema.TABLES.replace(",\n    delivered_at TEXT", ""))
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
