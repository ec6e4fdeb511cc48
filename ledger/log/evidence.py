"""Evidence that can leave the house: records with their place in the log, and the log as static files.

C2SP tlog-tiles, tlog-checkpoint and tlog-proof; RFC 6962 inclusion paths. Who may have which is asked above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet

from ledger.cosigning import queries as cosigning
from ledger.cosigning.queries import Published
from ledger.crypto import cosignature, merkle, notes
from ledger.crypto import tiles as tile_format
from ledger.crypto.errors import VerificationError
from ledger.crypto.tlog_proof import TlogProof
from ledger.errors import NotFound
from ledger.log import log_keys, member_logs, tiles
from ledger.log.logs import OPERATORS
from ledger.log.models import Checkpoint, Leaf, Record


class NotInTheLog(NotFound):
    """There is no such checkpoint, tile or leaf (yet)."""


@dataclass(frozen=True, slots=True)
class IncludedRecord:
    """A record's envelope as it was signed, its index, and its audit path in the tree of a checkpoint."""

    id: UUID
    log: str
    index: int
    envelope: bytes
    path: tuple[bytes, ...]


def log_key(size: int | None = None, *, log: str = OPERATORS) -> str:
    """A log's verifier key (C2SP signed-note): the newest under the checkpoint of this size, or the latest.

    Raises NotInTheLog.
    """
    if log != OPERATORS:
        try:
            return member_logs.verifier_key(log)
        except ObjectDoesNotExist:
            raise NotInTheLog("No member has a log of this name.") from None
    if size is None:
        latest = tiles.latest_checkpoint()
        size = latest.size if latest else 0
    return log_keys.in_force(size)[-1].vkey


def checkpoint_at(size: int | None = None, log: str = OPERATORS) -> Checkpoint:
    """The checkpoint of that size, or the latest. Raises NotInTheLog."""
    found = tiles.latest_checkpoint(log) if size is None else Checkpoint.objects.filter(log=log, size=size).first()
    if found is None:
        raise NotInTheLog("There is no checkpoint of this size. Reload the page to ask for the latest.")
    return found


def readers_checkpoint(size: int | None = None, log: str = OPERATORS) -> Checkpoint:
    """The checkpoint that evidence for readers stands on: of that size, or the newest, that the policy's quorum signed.

    Where a policy is set nothing newer is shown to readers: nobody vouches for it yet. Raises NotInTheLog.
    """
    found = cosigning.published(log)
    if found is None or (size is not None and size > found.size):
        raise NotInTheLog("Too few witnesses have co-signed the log up to there. Try again in a few seconds.")
    return checkpoint_at(found.size if size is None else size, log)


def vouched_checkpoint(log: str = OPERATORS) -> Published:
    """The published checkpoint with the co-signatures that a browser checks: those by Ed25519.

    One by ML-DSA-44 is 3 kB long, and would come with every therapy's evidence. Raises NotInTheLog.
    """
    found = cosigning.published(log)
    if found is None:
        raise NotInTheLog("Too few witnesses have co-signed the log up to there. Try again in a few seconds.")
    note = notes.parse_note(found.note)
    short = [line for line in note.signatures if len(line.signature) <= cosignature.ED25519_BYTES]
    lines = "".join(notes.format_line(line.name, line.key_id, line.signature) for line in short)
    return replace(found, note=f"{note.text}\n{lines}")


def published_note(log: str = OPERATORS) -> str:
    """The checkpoint that readers get: with the quorum of co-signatures that the policy asks for, if it asks for one.

    Raises NotInTheLog.
    """
    found = cosigning.published(log)
    if found is None:
        raise NotInTheLog("No checkpoint is published yet: there is none, or too few witnesses have co-signed one.")
    return found.note


def offered_note(*, at: datetime, log: str = OPERATORS) -> str:
    """The checkpoint that witnesses are asked to co-sign. Raises NotInTheLog."""
    found = cosigning.offered(at=at, log=log)
    if found is None:
        raise NotInTheLog("There is no checkpoint yet.")
    return found.note


def included(records: QuerySet[Record], *, size: int, log: str = OPERATORS) -> list[IncludedRecord]:
    """Those of these records that are in a log's tree of `size` leaves, in their order, each with its path in it.

    Two queries, however many records.
    """
    rows = list(
        records.filter(leaf__log=log, leaf__index__lt=size).select_related("leaf").only("id", "envelope", "leaf__index")
    )
    node = tiles.reader_for([row.leaf.index for row in rows], size, log)
    return [
        IncludedRecord(
            id=row.id,
            log=log,
            index=row.leaf.index,
            envelope=bytes(row.envelope),
            path=tuple(merkle.inclusion_proof(row.leaf.index, size, node)),
        )
        for row in rows
    ]


def tlog_proof(record: UUID) -> str:
    """The record's proof as a file (C2SP tlog-proof@v1), against the published checkpoint with its co-signatures.

    Raises NotInTheLog.
    """
    leaf = Leaf.objects.filter(record_id=record).first()
    published = cosigning.published(leaf.log) if leaf is not None else None
    if leaf is None or published is None or leaf.index >= published.size:
        waits = "for enough witnesses to co-sign" if leaf is not None else "for its place in the log"
        raise NotInTheLog(f"This record waits {waits}. Try again in a few seconds.")
    path = tuple(tiles.inclusion_proof(leaf.index, published.size, leaf.log))
    return str(TlogProof(leaf.index, path, published.note))


def tile_bytes(path: str, log: str = OPERATORS) -> tuple[tile_format.TileId, bytes]:
    """A hash tile or an entry bundle by its path (C2SP tlog-tiles). Raises NotInTheLog."""
    try:
        tile = tile_format.parse_path(path)
        data = _bundle(tile, log) if tile.level is None else tiles.read_tile(tile, log)
    except VerificationError:
        raise NotInTheLog("The log has no such tile.") from None
    if tile.level is not None and len(data) != tile.width * merkle.HASH_BYTES:
        raise NotInTheLog("The log has not grown to this tile yet.")
    return tile, data


def _bundle(tile: tile_format.TileId, log: str) -> bytes:
    first = tile.index * tile_format.WIDTH
    rows = Leaf.objects.filter(log=log, index__gte=first, index__lt=first + tile.width).order_by("index")
    entries = [bytes(entry) for entry in rows.values_list("record__envelope", flat=True)]
    if len(entries) != tile.width:
        raise NotInTheLog("The log has not grown to this bundle yet.")
    return tile_format.encode_bundle(entries)
