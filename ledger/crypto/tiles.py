"""A log's tree as static files (C2SP tlog-tiles): their paths, widths and contents, and proofs out of them.

Tile (L, N) holds the 256 hashes of tree level 8·L from index 256·N on; the last tile of a level may be partial, with
the suffix `.p/<width>`. Entry bundle N holds entries 256·N to 256·N+255, each after its length as a big-endian
uint16.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ledger.crypto.errors import VerificationError
from ledger.crypto.merkle import HASH_BYTES, NodeReader, full_subtrees

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 65_535

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True)
class TileId:
    """Which tile: `level` None is an entry bundle; `width` is how many of its 256 places are filled."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{index_path(self.index)}{partial}"


TileReader = Callable[[TileId], bytes]


def index_path(index: int) -> str:
    """Groups of three digits, all but the last led by an x: 1234067 is x001/x234/067."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    return TileId(level, index, width).path


def entries_path(index: int, width: int = WIDTH) -> str:
    return TileId(None, index, width).path


def parse_path(path: str) -> TileId:
    """The tile of a path, which has to be in the one form that it may have."""
    match = _PATH.fullmatch(path)
    if not match or len(path) > 80:
        raise VerificationError("This is not the path of a tile.")
    level, index, width = match.groups()
    found = TileId(
        None if level == "entries" else int(level),
        int(index.replace("/", "").replace("x", "")),
        int(width) if width else WIDTH,
    )
    if found.path != path or (found.level or 0) > MAX_LEVEL or (width and found.width >= WIDTH):
        raise VerificationError("This is not the path of a tile.")
    return found


def width_in(level: int | None, index: int, size: int) -> int:
    """How many places of a tile are filled in a tree of `size` leaves: 0 when there is no such tile."""
    hashes = size >> (HEIGHT * (level or 0))
    return max(0, min(WIDTH, hashes - index * WIDTH))


def tiles_of(size: int, *, since: int = 0) -> Iterator[TileId]:
    """The tiles that a tree of `size` leaves has and one of `since` leaves had not; entry bundles come last."""
    level = 0
    while size >> (HEIGHT * level):
        yield from _row(level, size, since)
        level += 1
    yield from _row(None, size, since)


def _row(level: int | None, size: int, since: int) -> Iterator[TileId]:
    shift = HEIGHT * (level or 0)
    new, old = size >> shift, since >> shift
    if new > old:
        for index in range(old // WIDTH, (new + WIDTH - 1) // WIDTH):
            yield TileId(level, index, width_in(level, index, size))


def node_reader(read: TileReader, size: int) -> NodeReader:
    """`node(level, index)` of a tree of `size` leaves, for the proofs of `merkle`, out of its stored tiles.

    A tile is read once a reader, so make one a request.
    """
    cache: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def subtrees(level: int, index: int) -> tuple[bytes, ...]:
        if (level, index) not in cache:
            width = width_in(level, index, size)
            cache[level, index] = _subtrees(b"".join(parse_tile(read(TileId(level, index, width)), width)))
        return cache[level, index]

    def node(level: int, index: int) -> bytes:
        if index < 0 or (index + 1) << level > size:
            raise ValueError(f"A tree of {size} leaves has no full subtree {index} at level {level}.")
        tile_level, rest = divmod(level, HEIGHT)
        tile, place = divmod(index << rest, WIDTH)
        at = (place >> rest) * HASH_BYTES
        return subtrees(tile_level, tile)[rest][at : at + HASH_BYTES]

    return node


@lru_cache(maxsize=256)
def _subtrees(hashes: bytes) -> tuple[bytes, ...]:
    """The subtrees of one tile, remembered by its content: the tiles above the leaves' are in most proofs (4 MB)."""
    return full_subtrees(hashes)


def parse_tile(data: bytes, width: int) -> list[bytes]:
    """The `width` hashes of a tile; a full tile may stand in for a partial one."""
    if len(data) % HASH_BYTES or not 0 < width * HASH_BYTES <= len(data) <= WIDTH * HASH_BYTES:
        raise VerificationError(f"A tile of width {width} has {len(data)} bytes.")
    return [data[i : i + HASH_BYTES] for i in range(0, width * HASH_BYTES, HASH_BYTES)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle of up to 256 entries of at most 65,535 bytes each."""
    if not 0 < len(entries) <= WIDTH:
        raise ValueError(f"An entry bundle holds from 1 to {WIDTH} entries, not {len(entries)}.")
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError(f"An entry has at most {MAX_ENTRY_BYTES} bytes.")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """The first `width` entries of a bundle; a full bundle may stand in for a partial one."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise VerificationError("The entry bundle is cut short.")
        entries.append(data[at + 2 : end])
        at = end
    if not 0 < width <= len(entries) <= WIDTH:
        raise VerificationError(f"An entry bundle of width {width} has {len(entries)} entries.")
    return entries[:width]
