"""Attacks on the ledger, for showing that they are seen: what somebody who owns the database and the log's key can do.

Unsafe by purpose, and for the demonstration only (`manage.py unsafe_tamper`). Each works behind the application: the
triggers are dropped as a database's owner can, the rows changed, and the triggers made again, so that nothing is left
for `manage.py check` to see. What sees it is the members' witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from custody.therapies.models import Therapy
from ledger.cosigning.models import Cosignature
from ledger.crypto import checkpoint, dsse, merkle, notes
from ledger.log import log_keys, sequencer, tiles, triggers
from ledger.log.documents import publish_document
from ledger.log.logs import OPERATORS
from ledger.log.models import Checkpoint, Leaf, Record, Tile
from ledger.parties.keystore import keystore
from ledger.parties.operations import founding_actor


class NothingToTamperWith(Exception):
    """The log is too short for this attack."""


def edit_record(*, at: datetime) -> str:
    """Change one byte of a record that was witnessed long ago. What was done, in words."""
    leaf = _leaves().select_related("record").filter(index__gte=_size() // 2).first()
    if leaf is None:
        raise NothingToTamperWith("There is no record yet.")
    changed = _changed(bytes(leaf.record.envelope))
    with _behind_the_triggers():
        Record.objects.filter(pk=leaf.record_id).update(envelope=changed)
    return f"One byte of the record at leaf {leaf.index:,} was changed in the database; nothing else."


def rewrite_log(*, at: datetime) -> str:
    """Change a record, and make every hash and the checkpoint anew, validly signed; then let the log grow."""
    chosen = _leaves().select_related("record").filter(index__gte=_size() // 2).first()
    if chosen is None:
        raise NothingToTamperWith("There is no record yet.")
    changed = _changed(bytes(chosen.record.envelope))
    with _behind_the_triggers():
        sequencer.drain(at=at)
        Record.objects.filter(pk=chosen.record_id).update(
            envelope=changed,
            entry_hash=merkle.sha256_hex(dsse.payload_of(changed)),
            leaf_hash=merkle.leaf_hash(changed).hex(),
        )
        frontier = merkle.Frontier()
        Tile.objects.filter(log=OPERATORS).delete()
        hashes = _leaves().values_list("record__leaf_hash", flat=True)
        tiles.store([node for hash_ in hashes for node in frontier.append(bytes.fromhex(hash_))])
        Cosignature.objects.filter(log=OPERATORS).delete()
        Checkpoint.objects.filter(log=OPERATORS).delete()
        _sign(frontier.size, frontier.root(), at)
        # The log goes on as if nothing were: what was shown before is no longer the beginning of it.
        publish_document(
            kind="note",
            code="tampering",
            version=f"{at:%y%m%d}.{at:%H%M%S}",
            document={"text": f"Written after the log was rewritten, {at.isoformat()}"},
            by=founding_actor(),
            at=at,
            key=f"tampering-{at.isoformat()}",
        )
        sequencer.drain(at=at)
        Checkpoint.objects.filter(log=OPERATORS, size=frontier.size).delete()
    return (
        f"The record at leaf {chosen.index:,} was changed, all {frontier.size:,} leaves were hashed anew, the "
        "checkpoints were replaced by a freshly signed one, and one more record was written."
    )


def rollback(*, at: datetime) -> str:
    """Show an older checkpoint, as after a restored backup. What is newest is hidden."""
    size = _size()
    if size < 3:
        raise NothingToTamperWith("There are too few records yet.")
    older = size - 2
    root = merkle.subtree_root(0, older, tiles.reader(size))
    with _behind_the_triggers():
        Cosignature.objects.filter(log=OPERATORS, size__gt=older).delete()
        Checkpoint.objects.filter(log=OPERATORS, size__gt=older).delete()
        if not Checkpoint.objects.filter(log=OPERATORS, size=older).exists():
            _sign(older, root, at)
    return f"The log had {size:,} records and now shows a checkpoint of {older:,}. Witnesses wait ten seconds."


def split_view(*, at: datetime) -> str:
    """Sign a second checkpoint of the size that everybody has seen, with another root."""
    newest = tiles.latest_checkpoint()
    if newest is None:
        raise NothingToTamperWith("There is no checkpoint yet.")
    with _behind_the_triggers():
        Checkpoint.objects.filter(log=OPERATORS, size=newest.size).delete()
        _sign(newest.size, merkle.node_hash(bytes.fromhex(newest.root), merkle.EMPTY_ROOT), at)
    return f"There are now two signed checkpoints of {newest.size:,} records, with different roots."


def edit_row(*, at: datetime) -> str:
    """Change a row that screens read, and no record: what only the portal's own audit sees."""
    row = Therapy.objects.order_by("-changed_at", "id").first()
    if row is None:
        raise NothingToTamperWith("There is no therapy yet.")
    Therapy.objects.filter(pk=row.pk).update(steps_done=row.steps_done + 1)
    return (
        f"The row of {row.call_name} in custody_therapy now counts a step more than was signed; no record was touched."
    )


KINDS: Mapping[str, Callable[..., str]] = {
    "edit-row": edit_row,
    "edit-record": edit_record,
    "rewrite-log": rewrite_log,
    "rollback": rollback,
    "split-view": split_view,
}
"""Every attack, by the name that the command takes."""


def _leaves() -> QuerySet[Leaf]:
    """Those of the operator's log, which is the one that is attacked."""
    return Leaf.objects.filter(log=OPERATORS).order_by("index")


def _size() -> int:
    newest = tiles.latest_checkpoint()
    return newest.size if newest else 0


def _changed(envelope: bytes) -> bytes:
    """The envelope with another first character of its payload: still well formed, no longer what was signed."""
    marker = b'"payload":"'
    at = envelope.index(marker) + len(marker)
    other = b"f" if envelope[at : at + 1] == b"e" else b"e"
    return envelope[:at] + other + envelope[at + 1 :]


def _sign(size: int, root: bytes, at: datetime) -> None:
    text = checkpoint.body(settings.LOG_ORIGIN, size, root)
    note = notes.sign_note(text, settings.LOG_ORIGIN, keystore().create(log_keys.FIRST))
    Checkpoint.objects.create(size=size, root=root.hex(), note=note, signed_at=at)


@contextmanager
def _behind_the_triggers() -> Iterator[None]:
    """One transaction in which nothing is append-only."""
    with transaction.atomic():
        direct: Any = _Direct()
        tables = triggers.protected(connection)
        triggers.remove(direct, tables)
        yield
        triggers.install(direct, tables)


class _Direct:
    """Stands in for a schema editor, which SQLite refuses inside a transaction."""

    connection = connection

    def execute(self, sql: str, params: Any = None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
