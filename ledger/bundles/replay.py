"""Running the shared rules over records, in the order of the log, with nothing but the records. Pure.

What is checked of each: its log and chain, the link to the record before it, a signature by a key that its author had
by then, that its idempotency key is new, and that the contract admits it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ledger.crypto import canonical, dsse, merkle
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.ids import derived
from ledger.log import contract as contracts
from ledger.log import document_rules
from ledger.log.contract import PartyFacts, Refused, State
from ledger.log.entries import GENESIS, MAX_CLOCK_SKEW, Entry, entry_of
from ledger.parties.contract import ENROLLED, keys_by_id, own_key


@dataclass(frozen=True, slots=True)
class Replayed:
    """A record that was admitted: `before` and `after` are its chain's states."""

    entry: Entry
    entry_hash: str
    before: State
    after: State


@dataclass(slots=True)
class _Chain:
    seq: int
    head: str
    state: State


class Replay:
    """The world as the records seen so far make it."""

    def __init__(self, log: str) -> None:
        self.log = log
        self._chains: dict[tuple[str, UUID], _Chain] = {}
        self._parties: dict[UUID, PartyFacts] = {}
        self._names: dict[UUID, str] = {}
        self._keys: dict[UUID, dict[str, bytes]] = {}
        self._documents: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._used: set[tuple[UUID, str]] = set()

    def party(self, party: UUID) -> PartyFacts:
        if party not in self._parties:
            raise Refused(f"No member {party} is enrolled.")
        return self._parties[party]

    def party_name(self, party: UUID) -> str:
        return self._names.get(party, str(party))

    def document(self, digest: str) -> Mapping[str, Any]:
        return self._document(digest)[1]

    def document_kind(self, digest: str) -> str:
        return self._document(digest)[0]

    def _document(self, digest: str) -> tuple[str, Mapping[str, Any]]:
        if digest not in self._documents:
            raise Refused(f"No document with the digest {digest[:16]}… is among these records.")
        return self._documents[digest]

    def states(self, chain_kind: str) -> Iterator[State]:
        """The present state of every chain of this kind."""
        return (chain.state for (kind, _), chain in self._chains.items() if kind == chain_kind)

    def state(self, chain_kind: str, subject: UUID) -> State:
        """The present state of a chain; that of an empty one when it has no record."""
        chain = self._chains.get((chain_kind, subject))
        return chain.state if chain else contracts.contract_for(chain_kind).initial()

    def take(self, envelope: bytes) -> Replayed:
        """The next record. Raises VerificationError with what is wrong; then nothing has changed."""
        payload = dsse.payload_of(envelope)
        entry = entry_of(canonical.decode(payload))
        dsse.verify(envelope, keys=self._keys.get(entry.party) or own_key(entry))
        if entry.log != self.log:
            raise VerificationError(f"it is of the log {entry.log[:100]!r}, not of {self.log!r}")
        if entry.chain != derived("chain", entry.chain_kind, entry.subject):
            raise VerificationError("its chain's identifier does not follow from what the chain is about")
        rules = self._rules(entry)
        chain = self._chains.get((entry.chain_kind, entry.subject)) or _Chain(-1, GENESIS, rules.initial())
        if entry.seq != chain.seq + 1:
            raise VerificationError(f"record {chain.seq + 1} of its chain is missing: this is {entry.seq}")
        if entry.prev_hash != chain.head:
            raise VerificationError("it does not link to the record before it")
        if (entry.party, entry.key) in self._used:
            raise VerificationError("its idempotency key was used before: it is a repetition")
        if entry.occurred_at - entry.recorded_at > MAX_CLOCK_SKEW:
            raise VerificationError("it was recorded before it happened")
        try:
            after = rules.admit(chain.state, entry, self)
        except Refusal as refusal:
            raise VerificationError(f"the shared rules refuse it: {refusal.message}") from refusal
        except Exception as problem:
            # The rules are pure and total. A record that makes them stumble was not made by them.
            raise VerificationError(f"it makes the shared rules fail: {problem!r}") from problem
        replayed = Replayed(entry, merkle.sha256_hex(payload), chain.state, after)
        self._chains[entry.chain_kind, entry.subject] = _Chain(entry.seq, replayed.entry_hash, after)
        self._used.add((entry.party, entry.key))
        self._learn(entry, after)
        return replayed

    @staticmethod
    def _rules(entry: Entry) -> contracts.Contract:
        try:
            return contracts.contract_for(entry.chain_kind)
        except Refused as refusal:
            raise VerificationError(refusal.message) from refusal

    def _learn(self, entry: Entry, after: State) -> None:
        body = entry.body
        if entry.type == ENROLLED:
            facts = PartyFacts(entry.subject, body["code"], body["kind"], body["country"])
            self._parties[entry.subject], self._names[entry.subject] = facts, body["name"]
        if entry.chain_kind == "register":
            self._keys[entry.subject] = keys_by_id(after)
        elif entry.type == document_rules.PUBLISHED:
            document = body["document"]
            self._documents[document_rules.digest_of(document)] = (body["kind"], document)
