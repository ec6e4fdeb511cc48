"""What an anchor means, and when one contradicts the log. Pure.

A log's checkpoint is anchored as (SHA-256 of the origin, size, RFC 6962 root). A chain's word counts once its block has
enough others on top; what is anchored then, stays. So an anchor that does not fit the log's own tree shows that the log
was rewritten or cut after it was anchored, or that somebody anchored what the log never signed: the event says who.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

MIN_CONFIRMATIONS, MAX_CONFIRMATIONS = 0, 1_000
"""Blocks on top of an anchor's own: 0 on a chain of known validators with instant finality (QBFT)."""


@dataclass(frozen=True, slots=True)
class AnchorEvent:
    """What the contract said: `kind` is `Anchored`, `Confirmed` or `Divergence`; `root` what `by` said for `size`.

    `stands` is the root that stands for that size; the same, unless it is a divergence.
    """

    kind: str
    size: int
    root: bytes
    stands: bytes
    by: str
    block: int
    transaction: str


@dataclass(frozen=True, slots=True)
class ProofEvent:
    """What the contract said of a compliance proof: `kind` is `Complied` or `Contradicted`; `statement` the identity of
    what was proven (hex), `therapy` and `spec_hash` its first two public inputs, which name the segment."""

    kind: str
    statement: str
    therapy: int
    spec_hash: int
    by: str
    block: int
    block_hash: str
    transaction: str

    @property
    def sentence(self) -> str:
        """Of a proof that is not the ledger's."""
        return (
            f"{self.by} had the chain verify the statement {self.statement} about the therapy {UUID(int=self.therapy)}"
            "; the ledger has no such proof."
        )


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An anchor that does not fit the log: `ours` is the log's own root for that size; None where it is shorter."""

    event: AnchorEvent
    ours: bytes | None

    @property
    def sentence(self) -> str:
        said = f"Of {self.event.size:,} records, {self.event.by} anchored the root {self.event.root.hex()}"
        if self.ours is None:
            return f"{said}; the log does not have that many records."
        return f"{said}; the log's own tree gives {self.ours.hex()}."


def log_id(origin: str) -> bytes:
    """The 32 bytes that name a log on the chain: SHA-256 of its origin line."""
    return hashlib.sha256(origin.encode()).digest()


def mismatches(events: Iterable[AnchorEvent], *, size: int, root_at: Callable[[int], bytes]) -> Iterator[Mismatch]:
    """The anchors that do not fit a log of `size` records whose root over the first n is `root_at(n)`.

    A `Divergence` repeats two roots, of which at most one can be the log's: the other is the mismatch.
    """
    for event in events:
        if event.size > size:
            yield Mismatch(event, None)
            continue
        ours = root_at(event.size)
        if event.root != ours or event.stands != ours:
            yield Mismatch(event, ours)
