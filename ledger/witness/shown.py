"""What a log shows for one of its checkpoints, checked against it: tiles, entries, consistency with an older one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from ledger.crypto import merkle, tiles
from ledger.crypto.checkpoint import Checkpoint
from ledger.crypto.errors import VerificationError
from ledger.witness.breaches import Breach
from ledger.witness.source import LogSource, Missing
from ledger.witness.store import LogMemory

MAX_EVIDENCE_TILES = 64


class Shown:
    """A checkpoint as shown now, beside what is remembered of its log. Tiles that were read are kept as evidence."""

    def __init__(self, source: LogSource, found: Checkpoint, note: str, memory: LogMemory) -> None:
        self.checkpoint = found
        self.note = note
        self._source = source
        self._memory = memory
        self._read: dict[str, bytes] = {}
        self._node = tiles.node_reader(self._tile, found.size)

    def check_tree(self) -> None:
        """The tiles along the tree's right edge make the root that was signed. Raises Breach."""
        try:
            root = merkle.subtree_root(0, self.checkpoint.size, self._node)
        except VerificationError as problem:
            raise self.breach("altered_tile", str(problem)) from problem
        if root != self.checkpoint.root:
            raise self.breach("altered_tile", f"They do not make the root of {self.checkpoint.size} leaves.")

    def check_consistency(self, old: Checkpoint, new: Checkpoint) -> None:
        """The tree of `new` (which is this one's) begins with the tree of `old`. Raises Breach."""
        try:
            proof = merkle.consistency_proof(old.size, new.size, self._node)
            merkle.verify_consistency(
                old_size=old.size, new_size=new.size, old_root=old.root, new_root=new.root, proof=proof
            )
        except VerificationError as problem:
            # The tiles that make the old size's own root under the new checkpoint are what shows it to others.
            with contextlib.suppress(VerificationError, ValueError):
                merkle.subtree_root(0, old.size, self._node)
            # Without the new size: a fork that grows is one fork, and reported once.
            raise self.breach("fork", f"Its {old.size} leaves of before do not begin it now: {problem}") from problem

    def prefix_root(self, size: int) -> bytes:
        """The root of this tree's first `size` leaves. Its tiles are read anew, and are no part of the evidence."""
        return merkle.subtree_root(0, size, tiles.node_reader(self._fetched_whole, self.checkpoint.size))

    def entries(self, first: int, end: int) -> list[bytes]:
        """The entries [first, end). Raises Breach when the log does not show them."""
        found: list[bytes] = []
        for index in range(first // tiles.WIDTH, (end + tiles.WIDTH - 1) // tiles.WIDTH):
            width = min(tiles.WIDTH, end - index * tiles.WIDTH)
            tile = tiles.TileId(None, index, tiles.width_in(None, index, self.checkpoint.size))
            data = self._fetched(tile)
            try:
                bundle = tiles.parse_bundle(data, width)
            except VerificationError as problem:
                raise self.breach("truncated", f"{tile.path}: {problem}", evidence={tile.path: data}) from problem
            found.extend(bundle[max(0, first - index * tiles.WIDTH) :])
        return found

    def check_entries(self, first: int, entries: list[bytes], grown: merkle.Frontier) -> None:
        """`grown`, the tree with these entries, is part of the tree that was signed. Raises Breach, with the place."""
        found = self.checkpoint
        try:
            merkle.verify_consistency(
                old_size=grown.size,
                new_size=found.size,
                old_root=grown.root(),
                new_root=found.root,
                proof=merkle.consistency_proof(grown.size, found.size, self._node),
            )
        except VerificationError:
            raise self._located(first, entries) from None

    def place_of(self, index: int | None) -> dict[str, bytes]:
        """The tiles that show which leaf is at `index`, as far as the log shows them."""
        if index is not None:
            with contextlib.suppress(VerificationError, ValueError, Breach):
                self._node(0, index)
                merkle.inclusion_proof(index, self.checkpoint.size, self._node)
        return dict(list(self._read.items())[:MAX_EVIDENCE_TILES])

    def compare(self, first: int, entries: list[bytes], kept: list[bytes]) -> None:
        """Entries from leaf `first` on are those that were kept when they were checked. Raises Breach, located."""
        for place, (now, before) in enumerate(zip(entries, kept, strict=True), start=first):
            if now != before:
                evidence = {f"entry-{place}": now, f"kept-{place}": before, **self.place_of(place)}
                raise self.breach("altered_entry", f"Entry {place} is not that leaf.", index=place, evidence=evidence)

    def breach(
        self, kind: str, problem: str, *, index: int | None = None, evidence: Mapping[str, bytes] | None = None
    ) -> Breach:
        """A breach of this checkpoint, with both notes and the tiles that were read."""
        tiles_read = dict(list(self._read.items())[:MAX_EVIDENCE_TILES])
        both = {"seen.note": bytes_of(self._memory.seen_note), "shown.note": bytes_of(self.note)}
        return Breach(
            kind,
            problem,
            origin=self.checkpoint.origin,
            size=self.checkpoint.size,
            index=index,
            evidence={**both, **tiles_read, **(evidence or {})},
        )

    def _located(self, first: int, entries: list[bytes]) -> Breach:
        """The first entry that is not the leaf that the log's own tiles speak of."""
        for offset, entry in enumerate(entries):
            place = first + offset
            try:
                leaf = self._node(0, place)
            except VerificationError as problem:
                return self.breach("altered_tile", str(problem))
            if leaf != merkle.leaf_hash(entry):
                self.place_of(place)
                return self.breach(
                    "altered_entry",
                    f"Entry {place} is not that leaf.",
                    index=place,
                    evidence={f"entry-{place}": entry},
                )
        return self.breach("altered_tile", f"Entries {first} to {first + len(entries) - 1} are not under its root.")

    def _tile(self, tile: tiles.TileId) -> bytes:
        data = self._fetched(tile)
        self._read[tile.path] = data
        if len(data) < tile.width * merkle.HASH_BYTES:
            raise self.breach("truncated", f"{tile.path} has {len(data)} bytes.")
        return data

    def _fetched_whole(self, tile: tiles.TileId) -> bytes:
        data = self._fetched(tile)
        if len(data) < tile.width * merkle.HASH_BYTES:
            raise self.breach("truncated", f"{tile.path} has {len(data)} bytes.")
        return data

    def _fetched(self, tile: tiles.TileId) -> bytes:
        """A tile; a log may have put the full one in the place of a partial one. Raises Breach when there is none."""
        try:
            return self._source.tile(tile)
        except Missing:
            if tile.width == tiles.WIDTH:
                raise self.breach("truncated", f"{tile.path} is missing.") from None
        try:
            return self._source.tile(tiles.TileId(tile.level, tile.index))
        except Missing:
            raise self.breach("truncated", f"{tile.path} is missing.") from None


def bytes_of(note: str) -> bytes:
    """The bytes of a note as they were received."""
    return note.encode("utf-8", "surrogateescape")
