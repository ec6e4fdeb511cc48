"""The sequencer: gives committed records their index in the Merkle log and signs a checkpoint.

One is active at a time (an advisory lock; on SQLite the write lock). Indexes are given only here, so late commits and
gaps in sequences cannot hurt, and appending never waits for it (DESIGN §3).
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from ledger import clock
from ledger.crypto import checkpoint, merkle, notes
from ledger.log import announcements, tiles
from ledger.log.models import Checkpoint, Leaf, PendingRecord
from ledger.parties.keystore import keystore

LOCK = 0x6E6565646C65
BATCH = 5_000
LOG_KEY = "log"


def run_once(*, at: datetime | None = None, limit: int = BATCH) -> int:
    """Sequence what is pending. Returns how many leaves were added; 0 also when another sequencer is at work."""
    if not PendingRecord.objects.exists():
        return 0
    with transaction.atomic():
        if not _lock():
            return 0
        pending = list(PendingRecord.objects.order_by("id").values_list("id", "record_id", "record__leaf_hash")[:limit])
        if not pending:
            return 0
        latest = tiles.latest_checkpoint()
        first = latest.size if latest else 0
        frontier = tiles.frontier_at(first)
        nodes = [node for _, _, leaf_hash in pending for node in frontier.append(bytes.fromhex(leaf_hash))]
        Leaf.objects.bulk_create(
            [Leaf(index=first + offset, record_id=record) for offset, (_, record, _) in enumerate(pending)]
        )
        tiles.store(nodes)
        _sign(frontier, at or clock.now())
        PendingRecord.objects.filter(id__in=[identifier for identifier, _, _ in pending]).delete()
    announcements.publish(first, first + len(pending) - 1)
    return len(pending)


def drain(*, at: datetime | None = None) -> int:
    """Sequence until nothing is pending; for commands and tests."""
    total = 0
    while added := run_once(at=at):
        total += added
    return total


def _sign(frontier: merkle.Frontier, at: datetime) -> None:
    text = checkpoint.body(settings.LOG_ORIGIN, frontier.size, frontier.root())
    signer = keystore().create(LOG_KEY)
    Checkpoint.objects.create(
        size=frontier.size,
        root=frontier.root().hex(),
        note=notes.sign_note(text, settings.LOG_ORIGIN, signer),
        signed_at=at,
    )


def _lock() -> bool:
    """Become the one sequencer until the transaction ends. SQLite begins IMMEDIATE here: that is its lock."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])
