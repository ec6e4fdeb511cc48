"""Following a log: one turn looks at its newest checkpoint, checks all that is new, and co-signs.

Memory does not grow with the log: entries come in batches of four bundles. Before a batch is replayed it is shown to
be part of what the log signed, so that progress can be kept and is never of two different logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ledger.crypto import checkpoint as checkpoints
from ledger.crypto import merkle, notes, tiles
from ledger.crypto.checkpoint import Checkpoint
from ledger.crypto.errors import VerificationError
from ledger.witness import log_keys
from ledger.witness.breaches import Breach
from ledger.witness.cosigner import WatchedLog
from ledger.witness.keys import WitnessKeys
from ledger.witness.lookback import Lookback
from ledger.witness.replay import Replay, Waiting
from ledger.witness.shown import Shown, bytes_of
from ledger.witness.source import LogSource, Missing, Unreachable
from ledger.witness.store import LogMemory, Store
from ledger.witness.world import StoredWorld

BATCH_BUNDLES = 4
LOST_ENTRIES = 60
"""How many of the records that a log no longer shows go with the report, the oldest first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did: how far the log is checked, and the size that was co-signed in it, if any."""

    verified: int
    cosigned: int | None = None
    said: str = ""


class Follower:
    """Follows one log. Used by one thread."""

    def __init__(
        self,
        store: Store,
        keys: WitnessKeys,
        log: WatchedLog,
        source: LogSource,
        *,
        clock: Callable[[], int],
        recosign_seconds: float = 30.0,
        rollback_seconds: float = 10.0,
        lookback_seconds: float = 5.0,
        progress: Callable[[int, int], None] = lambda verified, size: None,
        world: StoredWorld | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._log = log
        self._source = source
        self._clock = clock
        self._recosign_seconds = recosign_seconds
        self._rollback_seconds = rollback_seconds
        self._lookback = Lookback(store, log.origin, every_seconds=lookback_seconds)
        self._progress = progress
        self._world = world or StoredWorld(store, log.origin)
        self._replay = Replay(store, log.origin, self._world)
        self._shown: Shown | None = None
        self.awaits: Waiting | None = None
        self._blocked: Breach | None = None
        self._shorter_since: float | None = None
        self._submitted: tuple[int, float] | None = None

    def turn(self) -> Turn:
        """One look at the log. Raises Breach for what no honest log does, Unreachable when it cannot be judged.

        A breach has to show twice, so that a byte that was lost on the way accuses nobody.
        """
        try:
            return self._turn()
        except Breach as first:
            self._source.close()
            if first is self._blocked:
                raise
            return self._turn()

    def close(self) -> None:
        """Close the connection to the log."""
        self._source.close()

    @property
    def origin(self) -> str:
        return self._log.origin

    def block(self, breach: Breach) -> None:
        """Go no further: a breach of this log was found elsewhere."""
        self._blocked = self._blocked or breach

    def is_blocked_by(self, breach: Breach) -> bool:
        """Whether this breach was found before, and will be there whenever it is looked for."""
        return breach is self._blocked

    def _turn(self) -> Turn:
        if not self.look():
            return Turn(self._store.log(self._log.origin).verified)
        self.advance()
        return self.finish()

    def look(self) -> bool:
        """Ask for the log's newest checkpoint, and hold it against all before. False when it leads no further."""
        memory, self._shown = self._store.log(self._log.origin), None
        try:
            note = self._source.newest()
        except Missing as problem:
            if memory.seen_size:
                raise Unreachable("The log shows no checkpoint any more.") from problem
            return False
        target = self._opened(note)
        shown = Shown(self._source, target, note, memory)
        if target.size < memory.seen_size:
            self._shorter(target, shown, memory)
            return False
        self._shorter_since = None
        self._extends(target, shown, memory)
        self._store.see(self._log.origin, target, note)
        self._shown = shown
        return True

    def advance(self) -> int:
        """Check what the checkpoint holds that is new, as far as it can be judged; how many records that were.

        `awaits` says afterwards what the next record waits for, if it waits.
        """
        if self._shown is None:
            return 0
        before = self._store.log(self._log.origin).verified
        self.awaits = None
        try:
            self._catch_up(self._shown.checkpoint, self._shown)
        except Waiting as waiting:
            self.awaits = waiting
        return self._store.log(self._log.origin).verified - before

    @property
    def complete(self) -> bool:
        """Whether all that the newest checkpoint holds is checked."""
        return self._shown is not None and (self._store.log(self._log.origin).verified >= self._shown.checkpoint.size)

    def finish(self) -> Turn:
        """Look back, look at what readers get, and co-sign what is checked."""
        if self._shown is None or not self.complete:
            return Turn(self._store.log(self._log.origin).verified)
        self._lookback.turn(self._shown)
        self._compare_published(self._shown)
        return self._cosign(self._shown.checkpoint, self._shown.note)

    def lost(self) -> Breach:
        """The breach that it is when what a record waits for never comes."""
        if self.awaits is None or self._shown is None:
            raise ValueError("nothing is waited for")
        index, what = self.awaits.index, self.awaits.what
        return self._shown.breach(
            "broken_link",
            f"Record {index} rests on what no log shows: {what}.",
            index=index,
            evidence={f"entry-{index}": self.awaits.evidence, **self._shown.place_of(index)},
        )

    def _opened(self, note: str) -> Checkpoint:
        def breach(kind: str, problem: VerificationError) -> Breach:
            return Breach(kind, str(problem), origin=self._log.origin, evidence={"shown.note": bytes_of(note)})

        try:
            notes.parse_note(note)
        except VerificationError as problem:
            raise breach("malformed", problem) from problem
        try:
            found = log_keys.of(self._store, self._log.origin, self._log.keys).open(note)
        except VerificationError as problem:
            raise breach("bad_signature", problem) from problem
        if found.origin != self._log.origin:
            raise breach("bad_signature", VerificationError(f"It is of another log, {found.origin[:80]!r}."))
        return found

    def _shorter(self, target: Checkpoint, shown: Shown, memory: LogMemory) -> None:
        """A checkpoint smaller than one seen: perhaps a late answer, as long as it does not stay so."""
        if target.size <= memory.verified:
            if self._store.root_at(self._log.origin, target.size) != target.root:
                raise shown.breach(
                    "fork",
                    f"The root that it now gives for {target.size} leaves is another one.",
                    index=self._first_difference(target, shown),
                )
        else:
            seen = Shown(self._source, checkpoints.parse(notes.parse_note(memory.seen_note).text), shown.note, memory)
            seen.check_consistency(target, seen.checkpoint)
        self._shorter_since = self._shorter_since or time.monotonic()
        if time.monotonic() - self._shorter_since >= self._rollback_seconds:
            count = min(LOST_ENTRIES, max(0, memory.verified - target.size))
            lost = self._store.entries(self._log.origin, target.size, count)
            raise shown.breach(
                "rollback",
                f"It had {memory.seen_size} leaves and now shows {target.size}.",
                evidence={f"kept-{target.size + offset}": entry for offset, entry in enumerate(lost)},
            )

    def _extends(self, target: Checkpoint, shown: Shown, memory: LogMemory) -> None:
        """The newest checkpoint against the largest one seen, by the log's own tiles."""
        if target.size == memory.seen_size:
            if target.root != memory.seen_root:
                raise shown.breach("split_view", f"Of {target.size} leaves it shows two roots.")
            return
        shown.check_tree()
        if memory.seen_size:
            try:
                shown.check_consistency(Checkpoint(target.origin, memory.seen_size, memory.seen_root), target)
            except Breach as breach:
                if breach.kind == "fork":
                    breach.index = self._first_difference(target, shown)
                raise

    def _first_difference(self, target: Checkpoint, shown: Shown) -> int | None:
        """The first leaf that is not the one that was kept; None when the log's tiles do not show it.

        As many leaves from the beginning as make the same root on both sides are the same leaves: halving finds where
        that ends, with the tiles of some twenty places.
        """
        same, other = 0, min(target.size, self._store.log(self._log.origin).verified) + 1
        try:
            while other - same > 1:
                middle = (same + other) // 2
                if shown.prefix_root(middle) == self._store.root_at(self._log.origin, middle):
                    same = middle
                else:
                    other = middle
        except (Breach, VerificationError, ValueError):
            return None
        return same if other <= target.size else None

    def _catch_up(self, target: Checkpoint, shown: Shown) -> None:
        if self._blocked:
            raise self._blocked
        edge = merkle.Frontier.from_bytes(self._store.log(self._log.origin).edge)
        while edge.size < target.size:
            end = min(target.size, (edge.size // tiles.WIDTH + BATCH_BUNDLES) * tiles.WIDTH)
            entries = shown.entries(edge.size, end)
            grown, _ = _grown(edge, entries)
            shown.check_entries(edge.size, entries, grown)
            try:
                edge = self._keep(edge, entries)
            except Waiting as waiting:
                # The same holds for what comes before a record that has to wait.
                if waiting.index > edge.size:
                    self._keep(edge, entries[: waiting.index - edge.size])
                raise
            except Breach as breach:
                # What comes before the record that breaks is good, and is kept.
                if breach.index is not None and breach.index > edge.size:
                    self._keep(edge, entries[: breach.index - edge.size])
                breach.size = target.size
                breach.evidence |= {"shown.note": bytes_of(shown.note), **shown.place_of(breach.index)}
                self._blocked = breach
                raise
            self._progress(edge.size, target.size)

    def _keep(self, edge: merkle.Frontier, entries: list[bytes]) -> merkle.Frontier:
        """Replay a batch and keep it, all or nothing: a witness that dies here begins with the same batch again."""
        grown, nodes = _grown(edge, entries)
        try:
            with self._store.transaction():
                self._replay.take(edge.size, entries)
                self._store.add_entries(self._log.origin, edge.size, entries)
                self._store.add_nodes(self._log.origin, nodes)
                self._store.set_verified(self._log.origin, grown)
        except BaseException:
            self._world.forget()
            self._replay = Replay(self._store, self._log.origin, self._world)
            raise
        return grown

    def _compare_published(self, shown: Shown) -> None:
        """What readers get against what this witness was asked to co-sign."""
        try:
            note = self._source.published()
        except Missing:
            return
        if note == shown.note:
            return
        published = self._opened(note)
        verified = self._store.log(self._log.origin).verified
        if published.size > verified:
            return
        if self._store.root_at(self._log.origin, published.size) != published.root:
            evidence = {"published.note": bytes_of(note)}
            raise shown.breach(
                "split_view",
                f"Readers get another root for {published.size} leaves than this witness.",
                evidence=evidence,
            )

    def _cosign(self, target: Checkpoint, note: str) -> Turn:
        memory = self._store.log(self._log.origin)
        now = time.monotonic()
        if target.size < memory.cosigned_size:
            return Turn(memory.verified)
        if self._submitted and self._submitted[0] == target.size and now - self._submitted[1] < self._recosign_seconds:
            return Turn(memory.verified)
        at = self._clock()
        if not self._store.advance(self._log.origin, old_size=memory.cosigned_size, found=target, note=note, at=at):
            return Turn(memory.verified)
        status, said = self._source.submit(f"{target.body}\n{self._keys.cosign(target.body, timestamp=at)}")
        if status not in (200, 404, 405):
            raise Unreachable(f"The log did not take the co-signature ({status}): {said.strip()[:300]}")
        self._submitted = (target.size, now)
        return Turn(memory.verified, cosigned=target.size)


def _grown(edge: merkle.Frontier, entries: list[bytes]) -> tuple[merkle.Frontier, list[merkle.Node]]:
    """The edge after these entries, and the nodes that they complete."""
    grown = merkle.Frontier.from_bytes(edge.to_bytes())
    nodes = [node for entry in entries for node in grown.append(merkle.leaf_hash(entry))]
    return grown, nodes
