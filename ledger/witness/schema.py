"""The tables of a witness's own database (SQLite), and how it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

VERSION = 3
BUSY_SECONDS = 30

TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What is known of a log. `seen_*` is the largest checkpoint that its key signed and that fits all before it;
-- `verified` counts the records that were replayed, `edge` is the tree's right edge there; `cosigned_*` is the
-- largest checkpoint that this witness put its name to.
CREATE TABLE log (
    origin TEXT PRIMARY KEY,
    seen_size INTEGER NOT NULL DEFAULT 0, seen_root BLOB NOT NULL, seen_note TEXT NOT NULL DEFAULT '',
    verified INTEGER NOT NULL DEFAULT 0, edge BLOB NOT NULL,
    cosigned_size INTEGER NOT NULL DEFAULT 0, cosigned_root BLOB NOT NULL, cosigned_note TEXT NOT NULL DEFAULT '',
    cosigned_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- The full copy: every leaf as its author signed it, and the tree's tiles.
CREATE TABLE entry (origin TEXT NOT NULL, "index" INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (origin, "index"));
CREATE TABLE tile (
    origin TEXT NOT NULL, level INTEGER NOT NULL, "index" INTEGER NOT NULL, hashes BLOB NOT NULL,
    PRIMARY KEY (origin, level, "index")
);

-- What replaying has given so far. `origin` names the consortium, whose operator's log has the same name; but requests
-- are counted in each log by itself. A chain's `log` and `index` are the place of its last record.
CREATE TABLE chain (
    origin TEXT NOT NULL, chain TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    seq INTEGER NOT NULL, head TEXT NOT NULL, state TEXT NOT NULL,
    log TEXT NOT NULL, "index" INTEGER, seen TEXT NOT NULL, PRIMARY KEY (origin, chain)
) WITHOUT ROWID;
CREATE TABLE request (
    origin TEXT NOT NULL, party TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (origin, party, key)
) WITHOUT ROWID;
CREATE TABLE party (
    origin TEXT NOT NULL, party TEXT NOT NULL, code TEXT NOT NULL, kind TEXT NOT NULL, country TEXT NOT NULL,
    PRIMARY KEY (origin, party)
) WITHOUT ROWID;
CREATE TABLE document (
    origin TEXT NOT NULL, digest TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (origin, digest)
) WITHOUT ROWID;

-- Each state of a member's register, by the place of its record, and the logs of members; `origin` is the consortium.
CREATE TABLE register_state (
    origin TEXT NOT NULL, party TEXT NOT NULL, seq INTEGER NOT NULL, log TEXT NOT NULL, "index" INTEGER NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (origin, party, seq)
) WITHOUT ROWID;
CREATE TABLE member_log (
    origin TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (origin, name)
) WITHOUT ROWID;

-- What broke, with the bytes that show it. Never deleted. `delivered_at` is when the log's portal took the report.
CREATE TABLE report (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, "index" INTEGER,
    problem TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE, first_at TEXT NOT NULL, last_at TEXT NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    delivered_at TEXT
);
CREATE TABLE evidence (
    report INTEGER NOT NULL REFERENCES report (id), name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (report, name)
) WITHOUT ROWID;
CREATE TRIGGER report_stays BEFORE DELETE ON report BEGIN SELECT RAISE(ABORT, 'a report is never deleted'); END;
CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;
CREATE TRIGGER evidence_same BEFORE UPDATE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence never changes'); END;
"""


class ForeignDatabase(Exception):
    """The file is no database of a witness of this version."""


def opened(path: Path) -> sqlite3.Connection:
    """A connection to a witness's database, which is made when there is none.

    Everything is on disk when a transaction ends (`synchronous=FULL`): what was co-signed must not be forgotten in a
    power cut. Transactions are begun by hand.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version in (1, 2):
            if version == 1:
                connection.execute("ALTER TABLE report ADD COLUMN delivered_at TEXT")
            _remember_logs(connection)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise ForeignDatabase(f"{path} is no database of a witness of this version.")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as problem:
        connection.close()
        raise ForeignDatabase(f"{path} cannot be used as a witness's database: {problem}.") from problem
    except ForeignDatabase:
        connection.close()
        raise
    return connection


def _remember_logs(connection: sqlite3.Connection) -> None:
    """From a time when a consortium had one log: chains get its name, and members the keys that they have by now."""
    connection.execute("ALTER TABLE chain ADD COLUMN log TEXT NOT NULL DEFAULT ''")
    connection.execute('ALTER TABLE chain ADD COLUMN "index" INTEGER')
    connection.execute("ALTER TABLE chain ADD COLUMN seen TEXT NOT NULL DEFAULT '{}'")
    connection.execute("UPDATE chain SET log = origin")
    for statement in _statements():
        if statement.partition("CREATE TABLE ")[2].startswith(("register_state", "member_log")):
            connection.execute(statement)
    connection.execute(
        "INSERT INTO register_state SELECT origin, subject, 0, origin, 0, state FROM chain WHERE kind = 'register'"
    )


def _statements() -> list[str]:
    """The statements of `TABLES`; a trigger holds semicolons of its own."""
    found, waiting = [], ""
    for line in TABLES.splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            found.append(waiting)
            waiting = ""
    return found
