"""Answering `add-checkpoint` (C2SP tlog-witness), for logs that are followed and for any other in the settings.

Of a followed log a witness co-signs only what it replayed itself; of another, what the consistency proof shows to
extend all that it co-signed before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger.crypto import checkpoint, merkle, notes, submission
from ledger.crypto.errors import VerificationError
from ledger.witness import log_keys
from ledger.witness.breaches import Breach
from ledger.witness.keys import WitnessKeys
from ledger.witness.store import Store

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True)
class WatchedLog:
    """A log whose checkpoints are co-signed; `replayed` when its records are checked too."""

    origin: str
    keys: Sequence[notes.Verifier]
    replayed: bool = False


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: str
    content_type: str = TEXT


class Cosigner:
    """One witness's answers. Two requests at once cannot both advance: the store takes the step for one of them."""

    def __init__(
        self,
        store: Store,
        keys: WitnessKeys,
        logs: Mapping[str, WatchedLog],
        *,
        clock: Callable[[], int],
        report: Callable[[Breach], None],
    ) -> None:
        self._store = store
        self._keys = keys
        self._logs = logs
        self._clock = clock
        self._report = report

    def add_checkpoint(self, body: bytes) -> Answer:
        """200 with cosignatures, or 400, 403, 404, 409 or 422, as the specification says in this order."""
        try:
            asked = submission.parse(body)
        except VerificationError as problem:
            return _said(400, str(problem))
        log = self._logs.get(asked.checkpoint.origin)
        if log is None:
            return _said(404, "This witness does not know that log.")
        try:
            log_keys.of(self._store, log.origin, log.keys).open(asked.note)
        except VerificationError as problem:
            return _said(403, str(problem))
        found = asked.checkpoint
        if asked.old_size > found.size:
            return _said(400, f"The old size {asked.old_size} is beyond the checkpoint's size {found.size}.")
        memory = self._store.log(log.origin)
        if asked.old_size != memory.cosigned_size:
            return Answer(409, f"{memory.cosigned_size}\n", SIZE)
        if asked.old_size == found.size and found.root != memory.cosigned_root:
            self._report(
                Breach(
                    "split_view",
                    f"Of {found.size} leaves, one checkpoint was co-signed and another submitted.",
                    origin=log.origin,
                    size=found.size,
                    evidence={"seen.note": memory.cosigned_note.encode(), "shown.note": asked.note.encode()},
                )
            )
            return _said(409, "This witness co-signed another root for this size.")
        try:
            merkle.verify_consistency(
                old_size=asked.old_size,
                new_size=found.size,
                old_root=memory.cosigned_root,
                new_root=found.root,
                proof=asked.proof,
            )
        except VerificationError as problem:
            return _said(422, str(problem))
        refusal = self._not_replayed(log, found, asked.note) if log.replayed else None
        if refusal:
            return refusal
        at = self._clock()
        if not self._store.advance(log.origin, old_size=asked.old_size, found=found, note=asked.note, at=at):
            return Answer(409, f"{self._store.log(log.origin).cosigned_size}\n", SIZE)
        return Answer(200, self._keys.cosign(found.body, timestamp=at))

    def _not_replayed(self, log: WatchedLog, found: checkpoint.Checkpoint, note: str) -> Answer | None:
        memory = self._store.log(log.origin)
        if found.size > memory.verified:
            return _said(503, f"This witness has checked {memory.verified} records so far. Ask again in a second.")
        if found.size and self._store.root_at(log.origin, found.size) != found.root:
            self._report(
                Breach(
                    "fork",
                    f"The checkpoint of {found.size} leaves that was submitted is not of the log that was followed.",
                    origin=log.origin,
                    size=found.size,
                    evidence={"seen.note": memory.seen_note.encode(), "shown.note": note.encode()},
                )
            )
            return _said(422, "This witness followed another log of this name.")
        return None


def _said(status: int, sentence: str) -> Answer:
    return Answer(status, sentence + "\n")
