"""The Merkle tree's stored tiles, and proofs from them (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection

from ledger.crypto import merkle, tiles
from ledger.crypto.errors import VerificationError
from ledger.log import storing
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


Edge = Mapping[tuple[int, int], bytes]
"""The tiles at the right edge of a tree that are not full, by level and index: what appending goes on from."""


def edge_at(size: int, log: str = OPERATORS) -> Edge:
    """The edge of the tree at `size` leaves, in one query. Tiles that are missing are not in it."""
    wanted: list[int] = []
    level, hashes = 0, size
    while hashes:
        if hashes % WIDTH:
            wanted += (level, hashes // WIDTH)
        level, hashes = level + 1, hashes // WIDTH
    return _held(wanted, log)


def frontier_at(size: int, log: str = OPERATORS, edge: Edge | None = None) -> merkle.Frontier:
    """The right edge of the tree at `size` leaves, from stored tiles. Raises VerificationError if one is missing."""
    known = edge_at(size, log) if edge is None else edge
    hashes, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            hashes.append(_node(known, level, start >> level, size))
            start += 1 << level
    return merkle.Frontier(size, hashes)


def _node(edge: Edge, level: int, index: int, size: int) -> bytes:
    """The root of one full subtree of the edge: of 2^(level mod 8) hashes of the tile that holds its leaves."""
    span, height = 1 << level % 8, level // 8
    first = index * span
    tile, place = divmod(first, WIDTH)
    hashes = edge.get((height, tile), b"")[place * HASH : (place + span) * HASH]
    if len(hashes) != span * HASH:
        raise VerificationError(f"Tile {height}/{tile} is missing or too short for {size} leaves.")
    below = [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]
    while len(below) > 1:
        below = [merkle.node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=True)]
    return below[0]


def growth(nodes: Iterable[merkle.Node], edge: Edge, log: str = OPERATORS) -> list[storing.Statement]:
    """What adds completed nodes to the tiles of `edge`; nodes come in the order in which the tree grew."""
    grown: dict[tuple[int, int], list[bytes]] = {}
    for node in nodes:
        if node.level % 8 == 0:
            place = (node.level // 8, node.index // WIDTH)
            grown.setdefault(place, [edge.get(place, b"")]).append(node.hash)
    return [
        storing.put(Tile, {"log": log, "level": level, "index": index}, {"hashes": b"".join(hashes)})
        for (level, index), hashes in grown.items()
    ]


def store(nodes: Sequence[merkle.Node], log: str = OPERATORS) -> None:
    """Add completed nodes to their tiles, whatever these hold."""
    places = {(node.level // 8, node.index // WIDTH) for node in nodes if node.level % 8 == 0}
    storing.write(growth(nodes, _held([number for place in places for number in place], log), log))


def latest_checkpoint(log: str = OPERATORS) -> Checkpoint | None:
    return Checkpoint.objects.filter(log=log).order_by("-size").first()


def inclusion_proof(index: int, size: int, log: str = OPERATORS) -> list[bytes]:
    """RFC 6962 audit path of a leaf in the tree at `size` leaves."""
    return merkle.inclusion_proof(index, size, reader_for([index], size, log))
