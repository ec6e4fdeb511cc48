"""Where the compliance proofs come from that go to the chain: the room that keeps them makes itself known here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet

from ledger.proofs.verifier import statement_of


@dataclass(frozen=True, slots=True)
class PublishedProof:
    """A proof as the ledger has it. `key` is the digest of its verification key (hex)."""

    record: UUID
    key: str
    inputs: tuple[int, ...]
    proof: bytes

    @property
    def statement(self) -> str:
        """The identity of what is proven (hex), the same in the contract."""
        return statement_of(self.key, self.inputs)


class Source(Protocol):
    """Reads the proofs that the ledger holds, for the operator's own background work: it takes no actor."""

    def keys_in_use(self) -> Sequence[str]:
        """Digests (hex) of the verification keys on the ledger."""

    def waiting(
        self, *, known: Sequence[QuerySet[Any, Any]], keys: Collection[str], limit: int
    ) -> Sequence[PublishedProof]:
        """Proofs under these keys whose `record_id` no row of `known` has, the oldest first."""

    def of_record(self, record: UUID) -> PublishedProof | None:
        """The proof that this record published."""

    def of_segment(self, therapy: UUID, spec_hash: int) -> PublishedProof | None:
        """The published proof of the segment with this specification."""

    def knows(self, therapy: UUID) -> bool:
        """Whether this ledger has a therapy with that pseudonym."""


_sources: list[Source] = []


def register(source: Source) -> None:
    """Make the source known, once, at start-up."""
    _sources[:] = [source]


def source() -> Source | None:
    return _sources[0] if _sources else None
