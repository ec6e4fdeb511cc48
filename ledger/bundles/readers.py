"""How the rooms above read their own records for a verifier: in words, and as claims of proofs. Pure.

The ledger knows no trade. Whoever owns a kind of chain registers here what a record of it is called, and which
zero-knowledge proof it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from ledger.log.contract import PartyFacts, State
from ledger.log.entries import Entry


class Facts(Protocol):
    """What replaying a bundle has shown so far. Raises Refused for what is not in it."""

    def party(self, party: UUID) -> PartyFacts: ...

    def document(self, digest: str) -> Mapping[str, Any]: ...

    def document_kind(self, digest: str) -> str: ...

    def states(self, chain_kind: str) -> Iterator[State]: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A proof that a record carries.

    `inputs` are the public inputs that it names, `expected` those that the records before it lead to; `key` is the
    verification key in snarkjs' form, and `unsafe` says that one party alone made it.
    """

    title: str
    inputs: tuple[int, ...]
    expected: tuple[int, ...]
    proof: bytes
    key: Mapping[str, Any]
    unsafe: bool


Words = Callable[[State, Entry, Facts], str]
ClaimOf = Callable[[State, Entry, Facts], Claim]
_words: dict[str, Words] = {}
_claims: dict[str, ClaimOf] = {}


def name_records(chain_kind: str, words: Words) -> None:
    """Register what records of this kind of chain are called."""
    _words[chain_kind] = words


def read_claims(record_type: str, claim_of: ClaimOf) -> None:
    """Register how a record of this type claims a proof. It may raise KeyError, ValueError or a Refusal."""
    _claims[record_type] = claim_of


def title_of(state: State, entry: Entry, facts: Facts) -> str:
    """What the record is called; its type when nobody said."""
    words = _words.get(entry.chain_kind)
    return words(state, entry, facts) if words else entry.type


def claim_of(state: State, entry: Entry, facts: Facts) -> Claim | None:
    """The proof that the record carries, None for most. `state` is that of its chain before it."""
    reader = _claims.get(entry.type)
    return reader(state, entry, facts) if reader else None
