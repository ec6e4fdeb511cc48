"""Running the shared rules over records, in the order of their logs, with nothing but the records. Pure.

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
from ledger.log import document_rules, logs
from ledger.log.contract import PartyFacts, Refused, State
from ledger.log.entries import MAX_CLOCK_SKEW, Entry, Signature, entry_of
from ledger.log.log_rules import OPENED
from ledger.log.logs import BEGINNING, Awaited, Link, RegisterAt, RegisterHistory
from ledger.parties import acts, authorship
from ledger.parties.contract import ENROLLED


@dataclass(frozen=True, slots=True)
class Replayed:
    """A record that was admitted: `before` and `after` are its chain's states, `keyid` names the key that signed."""

    entry: Entry
    entry_hash: str
    keyid: str
    before: State
    after: State


@dataclass(slots=True)
class _Chain:
    link: Link
    state: State


class Replay:
    """The world as the records seen so far make it. `log` is the operator's, which gives the consortium its name."""

    def __init__(self, log: str) -> None:
        self.log = log
        self._home = log
        self._log_keys: dict[str, bytes] = {}
        self._chains: dict[tuple[str, UUID], _Chain] = {}
        self._parties: dict[UUID, PartyFacts] = {}
        self._names: dict[UUID, str] = {}
        self._registers: dict[UUID, RegisterHistory] = {}
        self._people: dict[UUID, acts.PersonHistory] = {}
        self._documents: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._used: set[tuple[str, UUID, str]] = set()

    def party(self, party: UUID) -> PartyFacts:
        if party not in self._parties:
            raise self._missing(f"No member {party} is enrolled.")
        return self._parties[party]

    def party_name(self, party: UUID) -> str:
        return self._names.get(party, str(party))

    def members(self) -> tuple[dict[UUID, State], dict[str, str]]:
        """Every member's register as it stands now, and their names by identifier."""
        registers = {party: self.state("register", party) for party in self._parties}
        return registers, {str(party): name for party, name in self._names.items()}

    def document(self, digest: str) -> Mapping[str, Any]:
        return self._document(digest)[1]

    def document_kind(self, digest: str) -> str:
        return self._document(digest)[0]

    def _document(self, digest: str) -> tuple[str, Mapping[str, Any]]:
        if digest not in self._documents:
            raise self._missing(f"No document with the digest {digest[:16]}… is among these records.")
        return self._documents[digest]

    def _missing(self, what: str) -> Exception:
        """In the operator's log what is missing is not there; a record of another log may rest on what comes later."""
        return Refused(what) if self._home == self.log else Awaited(what, log=self.log)

    def log_key(self, log: str) -> bytes | None:
        """The public key of a member's log, as the operator announced it."""
        return self._log_keys.get(log)

    def states(self, chain_kind: str) -> Iterator[State]:
        """The present state of every chain of this kind."""
        return (chain.state for (kind, _), chain in self._chains.items() if kind == chain_kind)

    def state(self, chain_kind: str, subject: UUID) -> State:
        """The present state of a chain; that of an empty one when it has no record."""
        chain = self._chains.get((chain_kind, subject))
        return chain.state if chain else contracts.contract_for(chain_kind).initial()

    def hands_for(self, entry: Entry, index: int | None, signature: Signature) -> acts.HandKeys:
        """The signing keys of a person for a record at this index of its log."""
        history = self._people.get(acts.subject_of(signature.party, signature.person)) if self._people else None
        return history.at(entry, index) if history else acts.NONE

    def take(self, envelope: bytes, *, index: int | None = None, log: str = "") -> Replayed:
        """The next record of a log (the operator's, if none is named), at this index of it.

        Raises VerificationError with what is wrong, and Awaited when it rests on records of other logs that have not
        been taken; then nothing has changed.
        """
        self._home = log or self.log
        payload = dsse.payload_of(envelope)
        entry = entry_of(canonical.decode(payload))
        if entry.log == self._home != self.log and entry.party not in self._parties:
            raise Awaited(f"member {entry.party} is not enrolled", log=self.log)
        history = self._registers.get(entry.party)
        register = history.at(log=entry.log, index=index, seen=entry.seen) if history else {}
        signed = authorship.verify(envelope, entry, register)
        acts.verify(entry, lambda signature: self.hands_for(entry, index, signature))
        if entry.log != self._home:
            raise VerificationError(f"it is of the log {entry.log[:100]!r}, not of {self._home!r}")
        facts = self._parties.get(entry.party)
        own = logs.own_log(self.log, facts.code, facts.kind) if facts else self.log
        logs.check_home(entry, consortium=self.log, own=own)
        if entry.chain != derived("chain", entry.chain_kind, entry.subject):
            raise VerificationError("its chain's identifier does not follow from what the chain is about")
        rules = self._rules(entry)
        chain = self._chains.get((entry.chain_kind, entry.subject)) or _Chain(BEGINNING, rules.initial())
        link = chain.link
        if entry.prev_log and (entry.seq, entry.prev_hash) != (link.seq + 1, link.head):
            raise Awaited(f"it follows a record of {entry.prev_log[:80]} that is not there", log=entry.prev_log)
        if entry.seq != link.seq + 1:
            raise VerificationError(f"record {link.seq + 1} of its chain is missing: this is {entry.seq}")
        if entry.prev_hash != link.head:
            raise VerificationError("it does not link to the record before it")
        logs.check_across(entry, index, link)
        if (entry.log, entry.party, entry.key) in self._used:
            raise VerificationError("its idempotency key was used before: it is a repetition")
        if entry.occurred_at - entry.recorded_at > MAX_CLOCK_SKEW:
            raise VerificationError("it was recorded before it happened")
        try:
            after = rules.admit(chain.state, entry, self)
        except Awaited:
            raise
        except Refusal as refusal:
            raise VerificationError(f"the shared rules refuse it: {refusal.message}") from refusal
        except Exception as problem:
            # The rules are pure and total. A record that makes them stumble was not made by them.
            raise VerificationError(f"it makes the shared rules fail: {problem!r}") from problem
        replayed = Replayed(entry, merkle.sha256_hex(payload), signed.keyids[0], chain.state, after)
        end = link.after(entry, entry_hash=replayed.entry_hash, index=index)
        self._chains[entry.chain_kind, entry.subject] = _Chain(end, after)
        self._used.add((entry.log, entry.party, entry.key))
        self._learn(entry, index, after)
        return replayed

    @staticmethod
    def _rules(entry: Entry) -> contracts.Contract:
        try:
            return contracts.contract_for(entry.chain_kind)
        except Refused as refusal:
            raise VerificationError(refusal.message) from refusal

    def _learn(self, entry: Entry, index: int | None, after: State) -> None:
        body = entry.body
        if entry.type == ENROLLED:
            facts = PartyFacts(entry.subject, body["code"], body["kind"], body["country"])
            self._parties[entry.subject], self._names[entry.subject] = facts, body["name"]
        if entry.chain_kind == acts.KIND:
            person = self._people.setdefault(entry.subject, acts.PersonHistory())
            person.add(RegisterAt(entry.seq, entry.log, index, after))
        elif entry.chain_kind == "register":
            register = self._registers.setdefault(entry.subject, RegisterHistory())
            register.add(RegisterAt(entry.seq, entry.log, index, after))
        elif entry.type == OPENED:
            self._log_keys[logs.name_of(self.log, body["code"])] = bytes.fromhex(body["public_key"])
        elif entry.type == document_rules.PUBLISHED:
            document = body["document"]
            self._documents[document_rules.digest_of(document)] = (body["kind"], document)
