"""What a witness remembers, in a database of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.clock import stamp
from ledger.crypto import checkpoint, merkle, tiles
from ledger.crypto.errors import VerificationError
from ledger.crypto.merkle import EMPTY_ROOT, HASH_BYTES
from ledger.log.logs import Link, RegisterAt
from ledger.witness import schema
from ledger.witness.breaches import Breach

REPEAT = timedelta(minutes=5)
"""What still breaks so long after the portal took its report is reported again."""
AGAIN = ""
"""Stands for the time of delivery while a report waits to be delivered again."""


@dataclass(frozen=True, slots=True)
class LogMemory:
    """What is known of a log; see the columns of `schema.TABLES`."""

    origin: str
    seen_size: int
    seen_root: bytes
    seen_note: str
    verified: int
    edge: bytes
    cosigned_size: int
    cosigned_root: bytes
    cosigned_note: str
    cosigned_at: int


@dataclass(frozen=True, slots=True)
class ChainMemory:
    """The end of a chain, with its place, and the state that replaying it gave."""

    kind: str
    subject: str
    link: Link
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that broke. `times` counts how often it was seen."""

    id: int
    origin: str
    kind: str
    size: int
    index: int | None
    problem: str
    first_at: str
    last_at: str
    times: int
    delivered_at: str | None = None


class Store:
    """The database, for the threads of one process; other processes are kept out of a transaction by SQLite's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = schema.opened(path)
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one writer at a time, over all processes."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def about(self, name: str) -> str | None:
        row = self._one("SELECT value FROM about WHERE name = ?", name)
        return row[0] if row else None

    def set_about(self, name: str, value: str) -> None:
        self._run(
            "INSERT INTO about VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value
        )

    def log(self, origin: str) -> LogMemory:
        """What is known of this log; nothing, for a new one."""
        row = self._one(
            "SELECT origin, seen_size, seen_root, seen_note, verified, edge, cosigned_size, cosigned_root, "
            "cosigned_note, cosigned_at FROM log WHERE origin = ?",
            origin,
        )
        if row is None:
            return LogMemory(origin, 0, EMPTY_ROOT, "", 0, merkle.Frontier().to_bytes(), 0, EMPTY_ROOT, "", 0)
        return LogMemory(*row)

    def see(self, origin: str, found: checkpoint.Checkpoint, note: str) -> None:
        """Remember the largest checkpoint that the log's key signed; smaller ones change nothing."""
        self._make(origin)
        self._run(
            "UPDATE log SET seen_size = ?, seen_root = ?, seen_note = ? WHERE origin = ? AND (seen_size < ? "
            "OR seen_note = '')",
            found.size, found.root, note, origin, found.size,
        )  # fmt: skip

    def advance(self, origin: str, *, old_size: int, found: checkpoint.Checkpoint, note: str, at: int) -> bool:
        """Remember what is about to be co-signed, if `old_size` still is the largest size co-signed.

        False when another request was first (tlog-witness: checked and kept in one atomic step). Never shrinks.
        """
        if found.size < old_size:
            return False
        with self.transaction():
            self._make(origin)
            changed = self._connection.execute(
                "UPDATE log SET cosigned_size = ?, cosigned_root = ?, cosigned_note = ?, cosigned_at = ? "
                "WHERE origin = ? AND cosigned_size = ? AND (cosigned_size < ? OR cosigned_root = ? "
                "OR cosigned_note = '')",
                (found.size, found.root, note, at, origin, old_size, found.size, found.root),
            ).rowcount
        return changed == 1

    def set_verified(self, origin: str, edge: merkle.Frontier) -> None:
        self._make(origin)
        self._run("UPDATE log SET verified = ?, edge = ? WHERE origin = ?", edge.size, edge.to_bytes(), origin)

    def add_entries(self, origin: str, first: int, entries: Iterable[bytes]) -> None:
        rows = [(origin, first + offset, entry) for offset, entry in enumerate(entries)]
        with self._lock:
            self._connection.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows)

    def add_nodes(self, origin: str, nodes: Iterable[merkle.Node]) -> None:
        """Completed nodes of the tree into their tiles, in the order in which the tree grew."""
        added: dict[tuple[int, int], bytearray] = {}
        for node in nodes:
            if node.level % tiles.HEIGHT == 0:
                place = (node.level // tiles.HEIGHT, node.index // tiles.WIDTH)
                added.setdefault(place, bytearray()).extend(node.hash)
        for (level, index), hashes in added.items():
            self._run(
                'INSERT INTO tile VALUES (?, ?, ?, ?) ON CONFLICT (origin, level, "index") '
                "DO UPDATE SET hashes = CAST(hashes || excluded.hashes AS BLOB)",
                origin, level, index, bytes(hashes),
            )  # fmt: skip

    def tile(self, origin: str, tile: tiles.TileId) -> bytes:
        """A hash tile or entry bundle of the copy. Raises VerificationError when it is not there."""
        if tile.level is None:
            return tiles.encode_bundle(self.entries(origin, tile.index * tiles.WIDTH, tile.width))
        row = self._one(
            'SELECT hashes FROM tile WHERE origin = ? AND level = ? AND "index" = ?', origin, tile.level, tile.index
        )
        if row is None:
            raise VerificationError(f"The copy has no {tile.path}.")
        return bytes(row[0])[: tile.width * HASH_BYTES]

    def entries(self, origin: str, first: int, count: int) -> list[bytes]:
        with self._lock:
            rows = self._connection.execute(
                'SELECT data FROM entry WHERE origin = ? AND "index" >= ? AND "index" < ? ORDER BY "index"',
                (origin, first, first + count),
            ).fetchall()
        if len(rows) != count:
            raise VerificationError(f"The copy has no entries {first} to {first + count - 1}.")
        return [bytes(row[0]) for row in rows]

    def root_at(self, origin: str, size: int) -> bytes:
        """The root of the copy's first `size` leaves, out of its tiles."""
        return merkle.subtree_root(0, size, tiles.node_reader(lambda tile: self.tile(origin, tile), size))

    def chain(self, origin: str, chain: str) -> ChainMemory | None:
        row = self._one(
            'SELECT kind, subject, seq, head, log, "index", seen, state FROM chain WHERE origin = ? AND chain = ?',
            origin, chain,
        )  # fmt: skip
        if row is None:
            return None
        kind, subject, seq, head, log, index, seen, state = row
        return ChainMemory(kind, subject, Link(seq, head, log, index, json.loads(seen)), json.loads(state))

    def set_chain(self, origin: str, chain: str, memory: ChainMemory) -> None:
        self._run(
            "INSERT OR REPLACE INTO chain VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            origin, chain, memory.kind, memory.subject, memory.link.seq, memory.link.head, json.dumps(memory.state),
            memory.link.log, memory.link.index, json.dumps(dict(memory.link.seen)),
        )  # fmt: skip

    def register_states(self, origin: str, party: str) -> list[RegisterAt]:
        """Every state of a member's register that was replayed."""
        with self._lock:
            rows = self._connection.execute(
                'SELECT seq, log, "index", state FROM register_state WHERE origin = ? AND party = ? ORDER BY seq',
                (origin, party),
            ).fetchall()
        return [RegisterAt(seq, log, index, json.loads(state)) for seq, log, index, state in rows]

    def add_register_state(self, origin: str, party: str, now: RegisterAt) -> None:
        self._run(
            "INSERT OR REPLACE INTO register_state VALUES (?, ?, ?, ?, ?, ?)",
            origin, party, now.seq, now.log, now.index, json.dumps(now.state),
        )  # fmt: skip

    def member_logs(self, origin: str) -> dict[str, str]:
        """The logs of a consortium's members by name, each with its public key in hexadecimal."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT name, key FROM member_log WHERE origin = ? ORDER BY name", (origin,)
            )
            return dict(rows.fetchall())

    def add_member_log(self, origin: str, name: str, key: str) -> None:
        self._run("INSERT OR IGNORE INTO member_log VALUES (?, ?, ?)", origin, name, key)

    def find_record(self, origin: str, chosen: Callable[[bytes], bool]) -> tuple[int, bytes] | None:
        """The first entry of a log's copy that is `chosen`: for a look that nobody needs of an honest log."""
        size, first = self.log(origin).verified, 0
        while first < size:
            count = min(tiles.WIDTH, size - first)
            for offset, entry in enumerate(self.entries(origin, first, count)):
                if chosen(entry):
                    return first + offset, entry
            first += count
        return None

    def is_new_request(self, origin: str, party: str, key: str) -> bool:
        """Whether this party's idempotency key was never seen before; it is from now on."""
        with self._lock:
            return (
                self._connection.execute(
                    "INSERT OR IGNORE INTO request VALUES (?, ?, ?)", (origin, party, key)
                ).rowcount
                == 1
            )

    def party(self, origin: str, party: str) -> tuple[str, str, str] | None:
        """A member's code, kind and country."""
        return self._one("SELECT code, kind, country FROM party WHERE origin = ? AND party = ?", origin, party)

    def add_party(self, origin: str, party: str, *, code: str, kind: str, country: str) -> None:
        self._run("INSERT OR IGNORE INTO party VALUES (?, ?, ?, ?, ?)", origin, party, code, kind, country)

    def document(self, origin: str, digest: str) -> Mapping[str, Any] | None:
        row = self._one("SELECT content FROM document WHERE origin = ? AND digest = ?", origin, digest)
        return json.loads(row[0]) if row else None

    def add_document(self, origin: str, digest: str, content: Mapping[str, Any]) -> None:
        self._run("INSERT OR IGNORE INTO document VALUES (?, ?, ?)", origin, digest, json.dumps(dict(content)))

    def report(self, breach: Breach, *, at: datetime) -> bool:
        """Keep what broke, with its evidence. False when the same was reported before: then it is counted.

        What is still there long after its report was taken is to be delivered again: it may have been settled.
        """
        with self.transaction():
            known = self._one("SELECT id FROM report WHERE fingerprint = ?", breach.fingerprint)
            if known:
                self._run("UPDATE report SET last_at = ?, times = times + 1 WHERE id = ?", stamp(at), known[0])
                self._run(
                    "UPDATE report SET delivered_at = ? WHERE id = ? AND delivered_at < ?",
                    AGAIN,
                    known[0],
                    stamp(at - REPEAT),
                )
                return False
            row = self._connection.execute(
                'INSERT INTO report (origin, kind, size, "index", problem, fingerprint, first_at, last_at) '
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (breach.origin, breach.kind, breach.size, breach.index, breach.problem, breach.fingerprint,
                 stamp(at), stamp(at)),
            )  # fmt: skip
            for name, data in breach.evidence.items():
                self._run("INSERT INTO evidence VALUES (?, ?, ?)", row.lastrowid, name, data)
        return True

    def reports(self) -> list[Report]:
        with self._lock:
            rows = self._connection.execute(
                'SELECT id, origin, kind, size, "index", problem, first_at, last_at, times, delivered_at FROM report '
                "ORDER BY id"
            ).fetchall()
        return [Report(*row) for row in rows]

    def undelivered(self) -> list[Report]:
        """The reports that no portal has taken yet, or that it has to hear again, oldest first."""
        return [report for report in self.reports() if not report.delivered_at]

    def delivered(self, report: int, *, at: datetime) -> None:
        """Remember that the portal took a report."""
        self._run(
            "UPDATE report SET delivered_at = ? WHERE id = ? AND coalesce(delivered_at, '') = ''", stamp(at), report
        )

    def evidence(self, report: int) -> dict[str, bytes]:
        with self._lock:
            rows = self._connection.execute("SELECT name, data FROM evidence WHERE report = ?", (report,)).fetchall()
        return {name: bytes(data) for name, data in rows}

    def _make(self, origin: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO log (origin, seen_root, edge, cosigned_root) VALUES (?, ?, ?, ?)",
            origin, EMPTY_ROOT, merkle.Frontier().to_bytes(), EMPTY_ROOT,
        )  # fmt: skip

    def _run(self, statement: str, *values: object) -> None:
        with self._lock:
            self._connection.execute(statement, values)

    def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        with self._lock:
            return self._connection.execute(statement, values).fetchone()
