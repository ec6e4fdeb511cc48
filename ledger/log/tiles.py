"""The Merkle tree's stored tiles, and proofs from them (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from ledger.crypto import merkle, tiles
from ledger.crypto.errors import VerificationError
from ledger.log.logs import OPERATORS
from ledger.log.models import Checkpoint, Tile

WIDTH = 256
HASH = 32


def read_tile(tile: tiles.TileId, log: str = OPERATORS) -> bytes:
    """A tile's bytes. Raises VerificationError when it is missing or too short."""
    row = Tile.objects.filter(log=log, level=tile.level or 0, index=tile.index).first()
    if row is None:
        raise VerificationError(f"Tile {tile.level}/{tile.index} is missing.")
    return bytes(row.hashes)[: tile.width * HASH]


def reader(size: int, log: str = OPERATORS) -> merkle.NodeReader:
    """Nodes of the tree at `size` leaves; make one a request."""
    return tiles.node_reader(lambda tile: read_tile(tile, log), size)


def reader_for(indexes: Iterable[int], size: int, log: str = OPERATORS) -> merkle.NodeReader:
    """Nodes that the audit paths of these leaves need, read in one query however many leaves there are."""
    wanted: list[int] = []
    level, hashes, places = 0, size, set(indexes)
    while hashes:
        # Of the tree's right edge only what no tile above holds: the tile that is not full.
        edge = {hashes // WIDTH} if hashes % WIDTH else set()
        places = {place // WIDTH for place in places}
        for place in places | edge:
            wanted += (level, place)
        level, hashes = level + 1, hashes // WIDTH
    held = _held(wanted, log)

    def read(tile: tiles.TileId) -> bytes:
        data = held.get((tile.level or 0, tile.index))
        return read_tile(tile, log) if data is None else data[: tile.width * HASH]

    return tiles.node_reader(read, size)


def _held(places: list[int], log: str) -> dict[tuple[int, int], bytes]:
    """These tiles (level, index, level, index, …) by place. Plain, because the ORM takes longer than the database."""
    if not places:
        return {}
    pairs = ", ".join(["(%s, %s)"] * (len(places) // 2))
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT level, "index", hashes FROM {Tile._meta.db_table} '  # noqa: S608
            f'WHERE log = %s AND (level, "index") IN (VALUES {pairs})',
            [log, *places],
        )
        return {(level, index): bytes(hashes) for level, index, hashes in cursor.fetchall()}


def frontier_at(size: int, log: str = OPERATORS) -> merkle.Frontier:
    """The right edge of the tree at `size` leaves, from the stored tiles."""
    if size == 0:
        return merkle.Frontier()
    node, hashes, start = reader(size, log), [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            hashes.append(node(level, start >> level))
            start += 1 << level
    return merkle.Frontier(size, hashes)


def store(nodes: Iterable[merkle.Node], log: str = OPERATORS) -> None:
    """Add completed nodes to their tiles; nodes come in the order in which the tree grew."""
    added: dict[tuple[int, int], list[bytes]] = {}
    for node in nodes:
        if node.level % 8 == 0:
            added.setdefault((node.level // 8, node.index // WIDTH), []).append(node.hash)
    for (level, index), hashes in added.items():
        fresh = b"".join(hashes)
        tile, created = Tile.objects.get_or_create(log=log, level=level, index=index, defaults={"hashes": fresh})
        if not created:
            tile.hashes = bytes(tile.hashes) + fresh
            tile.save(update_fields=["hashes"])


def latest_checkpoint(log: str = OPERATORS) -> Checkpoint | None:
    return Checkpoint.objects.filter(log=log).order_by("-size").first()


def inclusion_proof(index: int, size: int, log: str = OPERATORS) -> list[bytes]:
    """RFC 6962 audit path of a leaf in the tree at `size` leaves."""
    return merkle.inclusion_proof(index, size, reader_for([index], size, log))
