"""A log held against what it is made of: leaves, tiles, roots and checkpoints (RFC 6962, C2SP), in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import cast

from django.db.models import F, Max

from ledger.crypto import checkpoint, merkle, notes
from ledger.crypto.errors import VerificationError
from ledger.log import held, log_keys, member_logs
from ledger.log.finding import Finding
from ledger.log.models import Checkpoint, Leaf, PendingRecord, Record, Tile
from ledger.log.shares import Progress
from ledger.log.tile_check import TileCheck


def check_log(tell: Progress) -> Iterator[Finding]:
    """Leaves, tiles and checkpoints of every log against the records' leaf hashes (RFC 6962, C2SP).

    That a leaf hash is its envelope's is checked where the envelope is read, with its chain.
    """
    known = member_logs.every_log()
    named: set[str] = set()
    for model in (Leaf, Checkpoint, Tile):
        named.update(model._default_manager.order_by().values_list("log", flat=True).distinct())
    for code in known:
        yield from _check_one_log(code, tell)
    for code in sorted(named):
        if code not in known:
            yield from _strays(code)
    yield from _check_placed()


def _strays(code: str) -> Iterator[Finding]:
    """Rows of a log that no record opened."""
    for model in (Leaf, Checkpoint, Tile):
        for row in model._default_manager.filter(log=code)[:20]:
            yield Finding(model._meta.db_table, str(row), f"no record opens a log {code!r}")


def _check_one_log(code: str, tell: Progress) -> Iterator[Finding]:
    frontier = merkle.Frontier()
    tiles = TileCheck(code)
    try:
        keys = _keys_of(code)
    except (ValueError, VerificationError) as problem:
        yield Finding("ledger_memberlog", code, f"its key is none: {problem}")
        return
    held_checkpoints = Checkpoint.objects.filter(log=code).order_by("size").iterator(chunk_size=500)
    checkpoints = cast("Generator[Checkpoint]", held_checkpoints)
    row = next(checkpoints, None)
    last = -1
    # Closed at once also when a finding ends the loop: an open cursor would outlive its transaction.
    with closing(checkpoints):
        for expected, (index, position, record, home, leaf_hash) in enumerate(held.leaves(code)):
            if index != expected:
                leaf = _named(code, str(index))
                yield Finding("ledger_leaf", leaf, f"the log goes on at {index}, but {expected} is missing")
                return
            if position <= last or home != code:
                yield Finding("ledger_leaf", _named(code, str(index)), "its place is not that of its record")
            last = position
            try:
                nodes = frontier.append(bytes.fromhex(leaf_hash))
            except ValueError:
                yield Finding("ledger_record", str(record), "its leaf hash is none")
                return
            for node in nodes:
                tiles.take(node)
            while row is not None and row.size <= frontier.size:
                yield from _check_checkpoint(row, frontier, keys)
                row = next(checkpoints, None)
            tell("leaves", 1)
        while row is not None:
            yield Finding(
                "ledger_checkpoint", _row(row), f"it speaks of {row.size} leaves; the log has {frontier.size}"
            )
            row = next(checkpoints, None)
    for level, index, wrong in tiles.problems(frontier.size):
        yield Finding("ledger_tile", _named(code, f"{level}/{index}"), wrong)


def _row(row: Tile | Checkpoint) -> str:
    """What names a row of a log in a finding: its place, and the log where it is not the operator's."""
    return _named(row.log, str(row.size) if isinstance(row, Checkpoint) else f"{row.level}/{row.index}")


def _named(code: str, place: str) -> str:
    return f"{code} {place}" if code else place


def _keys_of(code: str) -> Callable[[int], list[notes.VerifierKey]]:
    """Which keys have to stand under a log's checkpoint of some size."""
    if code:
        members = [notes.parse_vkey(member_logs.verifier_key(code))]
        return lambda size: members
    keys = log_keys.all_keys()
    return lambda size: [key.verifier for key in log_keys.in_force(size, keys)]


def _check_checkpoint(
    row: Checkpoint, frontier: merkle.Frontier, keys: Callable[[int], list[notes.VerifierKey]]
) -> Iterator[Finding]:
    """Each key that is in force at this size has to stand under it, while the log's key is changed both."""
    try:
        for key in keys(row.size):
            signed = checkpoint.open_checkpoint(row.note, origin=key.name, log=key)
    except VerificationError as problem:
        yield Finding("ledger_checkpoint", _row(row), str(problem))
        return
    said = signed.checkpoint
    if (said.size, said.root) != (frontier.size, frontier.root()) or row.root != frontier.root().hex():
        yield Finding("ledger_checkpoint", _row(row), "its root is not that of the leaves")


def _check_placed() -> Iterator[Finding]:
    """Each record is a leaf or waits to be one, and never both."""
    for record in Record.objects.filter(leaf=None, pending=None).values_list("id", flat=True)[:20]:
        yield Finding("ledger_record", str(record), "it is neither in the log nor waiting for the sequencer")
    for pending in PendingRecord.objects.filter(record__leaf__isnull=False).values_list("id", flat=True)[:20]:
        yield Finding("ledger_pendingrecord", str(pending), "its record is already in the log")
    for pending in PendingRecord.objects.exclude(log=F("record__log")).values_list("id", flat=True)[:20]:
        yield Finding("ledger_pendingrecord", str(pending), "it waits for another log than its record was signed for")
    count, last = Leaf.objects.count(), Leaf.objects.aggregate(last=Max("position"))["last"]
    if last is not None and last + 1 != count:
        yield Finding("ledger_leaf", str(last), f"the positions go to {last}, but there are {count} leaves")
