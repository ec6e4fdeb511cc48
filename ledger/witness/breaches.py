"""What can break in a log, each with the bytes that show it to others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

KINDS: Mapping[str, str] = {
    "bad_signature": "The log showed a checkpoint that its key did not sign",
    "malformed": "What the log showed has not the form that it must have",
    "split_view": "There are two roots for one size",
    "fork": "The log no longer contains what it contained before",
    "rollback": "The log became shorter and stays so",
    "truncated": "The log does not show what its checkpoint says it holds",
    "altered_tile": "The log's tiles do not make the root that it signed",
    "altered_entry": "A record is not the one that the log's root speaks of",
    "broken_record": "A record cannot be read",
    "unknown_key": "A record is not signed by a key that its author had at that place in the log",
    "broken_link": "A record does not link to the one before it in its chain",
    "contract": "A record breaks the shared rules",
    "mismatch": "A table does not say what the signed records say",
    "anchor_mismatch": "What a chain holds of this log is not what the log says",
    "stale": "Somebody who has to speak for the log is silent",
}


class Breach(Exception):
    """Something that no honest log does. Nothing is co-signed from here on until it is gone.

    `others` are the same breach seen from other places: of two records that contradict each other, each is one.
    `size` is that of the checkpoint in question, `index` the leaf, `evidence` names raw bytes: signed notes, tiles,
    entries, exactly as they were received.
    """

    def __init__(
        self,
        kind: str,
        problem: str,
        *,
        origin: str,
        size: int = 0,
        index: int | None = None,
        evidence: Mapping[str, bytes] | None = None,
        others: Sequence[Breach] = (),
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind} is no kind of breach")
        super().__init__(f"{KINDS[kind]}. {problem}")
        self.kind = kind
        self.problem = problem
        self.origin = origin
        self.size = size
        self.index = index
        self.evidence = dict(evidence or {})
        self.others = tuple(others)

    @property
    def fingerprint(self) -> str:
        """The same for the same breach seen again, so that it is reported once.

        A record at one place breaks once, whatever checkpoint is asked for.
        """
        return fingerprint_of(self.origin, self.kind, self.size, self.index, self.problem)


def fingerprint_of(origin: str, kind: str, size: int, index: int | None, problem: str) -> str:
    """What names a breach: its log, kind, place and problem."""
    digest = hashlib.sha256()
    where = index if index is not None else size
    for part in (origin, kind, str(where), problem):
        digest.update(part.encode("utf-8", "replace") + b"\x00")
    return digest.hexdigest()
