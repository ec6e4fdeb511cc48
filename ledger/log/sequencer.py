"""The sequencer: gives committed records their index in their Merkle log and signs a checkpoint.

One is active at a time for each log (an advisory lock; on SQLite the write lock). Indexes are given only here, so late
commits and gaps in sequences cannot hurt, and appending never waits for it (DESIGN §3).

A record whose chain has an earlier one still waiting in another log is held back, and what waits behind it in its own
log with it: so a log never shows a record before the other log shows what it links to. The oldest of all that waits is
never held back, so nothing waits for ever.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet

from ledger import clock
from ledger.crypto import checkpoint, merkle, notes
from ledger.ids import derived
from ledger.log import announcements, log_keys, tiles
from ledger.log.logs import OPERATORS, name_of
from ledger.log.member_logs import key_name
from ledger.log.models import Checkpoint, Leaf, PendingRecord
from ledger.parties.keystore import keystore

LOCK = 0x6E6565646C65
POSITION_LOCK = LOCK + 1
BATCH = 5_000


def run_once(*, at: datetime | None = None, limit: int = BATCH) -> int:
    """Sequence what is pending in any log. How many leaves were added; 0 also when another sequencer is at work."""
    waiting = PendingRecord.objects.values_list("log").annotate(oldest=Min("id")).order_by("oldest")
    return sum(_run_log(log, at, limit) for log, _ in waiting)


def drain(*, at: datetime | None = None) -> int:
    """Sequence until nothing is pending; for commands and tests."""
    total = 0
    while added := run_once(at=at):
        total += added
    return total


def _run_log(log: str, at: datetime | None, limit: int) -> int:
    with transaction.atomic():
        if not _lock(log):
            return 0
        pending = _ready(log)[:limit]
        found = list(pending.values_list("id", "record_id", "record__leaf_hash"))
        if not found:
            return 0
        latest = tiles.latest_checkpoint(log)
        first = latest.size if latest else 0
        frontier = tiles.frontier_at(first, log)
        nodes = [node for _, _, leaf_hash in found for node in frontier.append(bytes.fromhex(leaf_hash))]
        position = _next_position()
        Leaf.objects.bulk_create(
            [
                Leaf(position=position + offset, log=log, index=first + offset, record_id=record)
                for offset, (_, record, _) in enumerate(found)
            ]
        )
        tiles.store(nodes, log)
        _sign(log, frontier, at or clock.now())
        PendingRecord.objects.filter(id__in=[identifier for identifier, _, _ in found]).delete()
    announcements.publish(position, position + len(found) - 1)
    return len(found)


def _ready(log: str) -> QuerySet[PendingRecord]:
    """What of this log waits and may be placed now, in its order."""
    mine = PendingRecord.objects.filter(log=log).order_by("id")
    if not PendingRecord.objects.exclude(log=log).exists():
        return mine
    elsewhere = PendingRecord.objects.exclude(log=log).filter(
        record__chain=OuterRef("record__chain"), record__seq__lt=OuterRef("record__seq")
    )
    held = mine.filter(Exists(elsewhere)).values_list("id", flat=True).first()
    return mine if held is None else mine.filter(id__lt=held)


def _next_position() -> int:
    """The next place in the order of all leaves. Who places leaves of another log at this moment is waited for."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POSITION_LOCK])
    last: int | None = Leaf.objects.aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1


def size() -> int:
    """How many records have their place in the operator's log."""
    latest = tiles.latest_checkpoint()
    return latest.size if latest else 0


def _sign(log: str, frontier: merkle.Frontier, at: datetime) -> None:
    name = name_of(settings.LOG_ORIGIN, log)
    text = checkpoint.body(name, frontier.size, frontier.root())
    first, *others = [keystore().create(key_name(log))] if log else log_keys.signers(frontier.size)
    note = notes.sign_note(text, name, first)
    for signer in others:
        note = notes.add_signature(note, notes.signature_line(text, name, signer))
    Checkpoint.objects.create(log=log, size=frontier.size, root=frontier.root().hex(), note=note, signed_at=at)


def _lock(log: str) -> bool:
    """Become this log's one sequencer until the transaction ends. SQLite begins IMMEDIATE here: that is its lock."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_of(log)])
        return bool(cursor.fetchone()[0])


def lock_of(log: str) -> int:
    """The number of a log's advisory lock."""
    return LOCK if log == OPERATORS else derived("sequencer", log).int >> 65
