"""The Merkle tree's stored tiles, and proofs from them (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from ledger.crypto import merkle, tiles
from ledger.crypto.errors import VerificationError
from ledger.log.models import Checkpoint, Tile

WIDTH = 256
HASH = 32


def read_tile(tile: tiles.TileId) -> bytes:
    """A tile's bytes. Raises VerificationError when it is missing or too short."""
    row = Tile.objects.filter(level=tile.level or 0, index=tile.index).first()
    if row is None:
        raise VerificationError(f"Tile {tile.level}/{tile.index} is missing.")
    return bytes(row.hashes)[: tile.width * HASH]


def reader(size: int) -> merkle.NodeReader:
    """Nodes of the tree at `size` leaves; make one a request."""
    return tiles.node_reader(read_tile, size)


def reader_for(indexes: Iterable[int], size: int) -> merkle.NodeReader:
    """Nodes that the audit paths of these leaves need, read in one query however many leaves there are."""
    wanted = Q(pk=None)
    level, edge, places = 0, size - 1, set(indexes)
    while edge >= 0 and size >> (8 * level):
        places, edge = {place // WIDTH for place in places}, edge // WIDTH
        wanted |= Q(level=level, index__in=places | {edge, max(0, edge - 1)})
        level += 1
    held = {(tile.level, tile.index): bytes(tile.hashes) for tile in Tile.objects.filter(wanted)}

    def read(tile: tiles.TileId) -> bytes:
        data = held.get((tile.level or 0, tile.index))
        return read_tile(tile) if data is None else data[: tile.width * HASH]

    return tiles.node_reader(read, size)


def frontier_at(size: int) -> merkle.Frontier:
    """The right edge of the tree at `size` leaves, from the stored tiles."""
    if size == 0:
        return merkle.Frontier()
    node, hashes, start = reader(size), [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            hashes.append(node(level, start >> level))
            start += 1 << level
    return merkle.Frontier(size, hashes)


def store(nodes: Iterable[merkle.Node]) -> None:
    """Add completed nodes to their tiles; nodes come in the order in which the tree grew."""
    added: dict[tuple[int, int], list[bytes]] = {}
    for node in nodes:
        if node.level % 8 == 0:
            added.setdefault((node.level // 8, node.index // WIDTH), []).append(node.hash)
    for (level, index), hashes in added.items():
        tile, created = Tile.objects.get_or_create(level=level, index=index, defaults={"hashes": b"".join(hashes)})
        if not created:
            tile.hashes = bytes(tile.hashes) + b"".join(hashes)
            tile.save(update_fields=["hashes"])


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """RFC 6962 audit path of a leaf in the tree at `size` leaves."""
    return merkle.inclusion_proof(index, size, reader(size))
