"""Sequencers in processes of their own, and a reader who remembers every checkpoint that was ever to be seen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from django.conf import settings

from ledger.crypto import checkpoint, merkle, notes
from ledger.crypto.checkpoint import Checkpoint as Said
from ledger.log import evidence, sequencer, tiles
from ledger.log.models import Checkpoint, Leaf, PendingRecord
from tests.factories.writers import Acknowledged, kill, run_apart


def sequence_forever(pause: float = 0.01, limit: int = 40) -> None:
    """What the sequencer's thread does, without its patience: small batches, so that a kill meets every moment."""
    while True:
        if not sequencer.run_once(limit=limit):
            time.sleep(pause)


def sequence_as_in_production(told: Path) -> None:
    """The very loop of a server or worker; each batch is a line: its end's index, and when its commit came back."""
    from portal.live.background import sequencing

    with told.open("a", buffering=1) as lines:

        def turn() -> int:
            placed = sequencer.run_once()
            if placed:
                latest = Leaf.objects.order_by("-index").values_list("index", flat=True)[0]
                lines.write(f"{latest} {time.monotonic()}\n")
            return placed

        loop = sequencing(turn)
        loop.start()
        loop.join()


class Reader:
    """Somebody outside who looks at the newest checkpoint again and again, as a witness does."""

    def __init__(self, seen: Path) -> None:
        self._seen = seen
        seen.touch()
        self._process = run_apart(self._look)

    def _look(self) -> None:
        last = ""
        with self._seen.open("a", buffering=1) as lines:
            while True:
                newest = Checkpoint.objects.order_by("-size").values_list("note", flat=True).first()
                if newest and newest != last:
                    lines.write(json.dumps(newest) + "\n")
                    last = newest
                time.sleep(0.01)

    def stop(self) -> list[Said]:
        """Every checkpoint that was seen, in that order, each with the log's signature on it checked."""
        kill(self._process)
        lines = [line for line in self._seen.read_text().splitlines(keepends=True) if line.endswith("\n")]
        log = notes.parse_vkey(evidence.log_key())
        return [
            checkpoint.open_checkpoint(json.loads(line), origin=settings.LOG_ORIGIN, log=log).checkpoint
            for line in lines
        ]


def follow_one_another(seen: Sequence[Said]) -> bool:
    """Whether each checkpoint continues the one before, by a consistency proof (raises VerificationError if not)."""
    for old, new in pairwise(seen):
        merkle.verify_consistency(
            old_size=old.size,
            new_size=new.size,
            old_root=old.root,
            new_root=new.root,
            proof=merkle.consistency_proof(old.size, new.size, tiles.reader(new.size)),
        )
    return len(seen) > 1


def unplaced(records: Iterable[Acknowledged]) -> list[str]:
    """Acknowledged records that are no leaf."""
    placed = set(Leaf.objects.values_list("record_id", flat=True))
    return [str(one.record) for one in records if one.record not in placed]


def no_gap_and_no_double() -> bool:
    """Whether the leaves' indexes are 0, 1, 2 … and each record that is to have one has one."""
    indexes = list(Leaf.objects.order_by("index").values_list("index", flat=True))
    return indexes == list(range(len(indexes))) and not PendingRecord.objects.exists()


def until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for it; how long that took. Fails after so many seconds."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun
