"""Stored tiles held against the leaves, a few at a time: what is in memory does not grow with the log."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from ledger.crypto import merkle
from ledger.crypto.tiles import HEIGHT, WIDTH
from ledger.log.models import Tile

AT_ONCE = 64
"""Tiles that are compared with one query: half a megabyte of hashes."""


class TileCheck:
    """Takes the nodes of a growing tree in their order, and says which tiles of its log are not made of them."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._growing: dict[int, tuple[int, bytearray]] = {}
        self._whole: dict[tuple[int, int], bytes] = {}
        self._wrong: list[tuple[int, int, str]] = []

    def take(self, node: merkle.Node) -> None:
        level, rest = divmod(node.level, HEIGHT)
        if rest:
            return
        _, hashes = self._growing.setdefault(level, (node.index // WIDTH, bytearray()))
        hashes += node.hash
        if node.index % WIDTH == WIDTH - 1:
            place, hashes = self._growing.pop(level)
            self._whole[level, place] = bytes(hashes)
            if len(self._whole) == AT_ONCE:
                self._compare()

    def problems(self, size: int) -> Iterator[tuple[int, int, str]]:
        """Level, index and what is wrong, once all `size` leaves were taken; nothing when the tiles are the tree's."""
        self._whole |= {(level, place): bytes(hashes) for level, (place, hashes) in self._growing.items()}
        self._compare()
        yield from self._wrong
        beyond, level = Q(), 0
        while size >> (HEIGHT * level):
            beyond |= Q(level=level, index__gte=-(-(size >> (HEIGHT * level)) // WIDTH)) | Q(level=level, index__lt=0)
            level += 1
        beyond |= Q(level__gte=level) | Q(level__lt=0)
        for tile in (
            Tile.objects.filter(beyond, log=self._log).only("level", "index").order_by("level", "index").iterator()
        ):
            yield tile.level, tile.index, "its hashes are not those of the leaves"

    def _compare(self) -> None:
        wanted = Q(pk=None)
        for level in {level for level, _ in self._whole}:
            wanted |= Q(level=level, index__in=[index for one, index in self._whole if one == level])
        held = {(tile.level, tile.index): bytes(tile.hashes) for tile in Tile.objects.filter(wanted, log=self._log)}
        for place, hashes in self._whole.items():
            if place not in held:
                self._wrong.append((*place, "it is missing"))
            elif held[place] != hashes:
                self._wrong.append((*place, "its hashes are not those of the leaves"))
        self._whole.clear()
