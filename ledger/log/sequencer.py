"""The sequencer: gives committed records their index in their Merkle log and signs a checkpoint.

One is active at a time for each log (an advisory lock; on SQLite the write lock). Indexes are given only here, so late
commits and gaps in sequences cannot hurt, and appending never waits for it (DESIGN §3).

A record whose chain has an earlier one still waiting in another log is held back, and what waits behind it in its own
log with it: so a log never shows a record before the other log shows what it links to. The oldest of all that waits is
never held back, so nothing waits for ever.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef

from ledger import clock
from ledger.crypto import checkpoint, merkle, notes
from ledger.ids import derived
from ledger.log import announcements, log_keys, storing, tiles
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
    # Few and plain statements: while many write, each talk with the database is a wait for a turn of the processor.
    with transaction.atomic():
        if not _lock(log):
            return 0
        found = _ready(log, limit)
        if not found:
            return 0
        latest = tiles.latest_checkpoint(log)
        first = latest.size if latest else 0
        edge = tiles.edge_at(first, log)
        frontier = tiles.frontier_at(first, log, edge)
        nodes = [node for _, _, leaf_hash in found for node in frontier.append(bytes.fromhex(leaf_hash))]
        position = _next_position()
        count = len(found)
        leaves = {
            "position": range(position, position + count),
            "log": [log] * count,
            "index": range(first, first + count),
            "record_id": [record for _, record, _ in found],
        }
        storing.write(storing.new_rows(Leaf, leaves))
        # Which keys sign depends on where the records about them stand, so the leaves are there first.
        signed = _signed(log, frontier, at or clock.now())
        storing.write(
            [
                *tiles.growth(nodes, edge, log),
                signed,
                *storing.delete_rows(PendingRecord, [identifier for identifier, _, _ in found]),
            ]
        )
    announcements.publish(position, position + count - 1)
    return count


def _ready(log: str, limit: int) -> list[tuple[int, UUID, str]]:
    """What of this log waits and may be placed now, in its order: its number, its record and the record's leaf hash."""
    mine = PendingRecord.objects.filter(log=log).order_by("id")
    others = PendingRecord.objects.exclude(log=log)
    rows = mine.annotate(among=Exists(others)).values_list("id", "record_id", "record__leaf_hash", "among")
    found = list(rows[:limit])
    if found and found[0][3]:
        earlier = others.filter(record__chain=OuterRef("record__chain"), record__seq__lt=OuterRef("record__seq"))
        held = mine.filter(Exists(earlier)).values_list("id", flat=True).first()
        found = [row for row in found if held is None or row[0] < held]
    return [row[:3] for row in found]


def _next_position() -> int:
    """The next place in the order of all leaves. Who places leaves of another log at this moment is waited for."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Two statements in one message: the second sees what was committed while the first waited.
            cursor.execute(f"SELECT pg_advisory_xact_lock(%s); {_LAST}", [POSITION_LOCK])
            cursor.nextset()
        else:
            cursor.execute(_LAST)
        last: int | None = cursor.fetchone()[0]
    return 0 if last is None else last + 1


_LAST = f"SELECT MAX(position) FROM {Leaf._meta.db_table}"  # noqa: S608  own names


def size() -> int:
    """How many records have their place in the operator's log."""
    latest = tiles.latest_checkpoint()
    return latest.size if latest else 0


def _signed(log: str, frontier: merkle.Frontier, at: datetime) -> storing.Statement:
    """The row of the checkpoint at this size, signed by every key of the log that is in force."""
    name, root = name_of(settings.LOG_ORIGIN, log), frontier.root()
    text = checkpoint.body(name, frontier.size, root)
    first, *others = [keystore().create(key_name(log))] if log else log_keys.signers(frontier.size)
    note = notes.sign_note(text, name, first)
    for signer in others:
        note = notes.add_signature(note, notes.signature_line(text, name, signer))
    return storing.new(
        Checkpoint, {"log": log, "size": frontier.size, "root": root.hex(), "note": note, "signed_at": at}
    )


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
