"""The world that the shared rules may look at, as the replayed records of one consortium say: no table is trusted.

Members, documents and logs stand in the operator's log. Each of its records is judged by what stands before it; one
of another log that refers to something which is not there yet waits for it (`Awaited`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ledger.log.contract import PartyFacts, Refused
from ledger.log.document_rules import PUBLISHED, digest_of
from ledger.log.entries import Entry, Signature
from ledger.log.log_rules import OPENED
from ledger.log.logs import Awaited, RegisterAt, RegisterHistory, name_of, own_log
from ledger.parties import acts
from ledger.parties.contract import ENROLLED
from ledger.witness.store import Store

DOCUMENTS_KEPT = 32


class StoredWorld:
    """Parties, their keys, documents and logs, as far as the consortium's logs were replayed.

    One for all logs of a consortium; used by one thread.
    """

    def __init__(self, store: Store, consortium: str) -> None:
        self._store = store
        self.consortium = consortium
        self.forget()

    def forget(self) -> None:
        """Drop what is held in memory: after an error it may be ahead of the store."""
        self._parties: dict[UUID, PartyFacts] = {}
        self._registers: dict[UUID, RegisterHistory] = {}
        self._people: dict[UUID, acts.PersonHistory] = {}
        self._documents: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def known_party(self, party: UUID) -> PartyFacts | None:
        """Facts of a member. There are as many as there are members, so they are kept."""
        if party not in self._parties:
            facts = self._store.party(self.consortium, str(party))
            if facts is None:
                return None
            self._parties[party] = PartyFacts(party, *facts)
        return self._parties[party]

    def known_document(self, digest: str) -> Mapping[str, Any] | None:
        """A document that is on the ledger; the last few are kept."""
        found = self._documents.get(digest) or self._store.document(self.consortium, digest)
        if found is not None:
            self._keep(digest, found)
        return found

    def register_for(self, entry: Entry, index: int) -> Mapping[str, Any]:
        """What its author's register says to a record at this index of its log: it says which keys count."""
        return self._history(entry.party).at(log=entry.log, index=index, seen=entry.seen)

    def hands_for(self, entry: Entry, index: int, signature: Signature) -> acts.HandKeys:
        """The signing keys of a person for a record at this index of its log."""
        return self._person(acts.subject_of(signature.party, signature.person)).at(entry, index)

    def own_log(self, party: UUID) -> str | None:
        """The name of the log that is a party's own; None while nobody knows the party."""
        facts = self.known_party(party)
        return own_log(self.consortium, facts.code, facts.kind) if facts else None

    def learn(self, entry: Entry, index: int, state: Mapping[str, Any]) -> None:
        """Take what later records refer to from a record that was admitted."""
        body = entry.body
        if entry.chain_kind == "register":
            now = RegisterAt(entry.seq, entry.log, index, state)
            self._history(entry.subject).add(now)
            self._store.add_register_state(self.consortium, str(entry.subject), now)
        if entry.type == ENROLLED:
            facts = {name: body[name] for name in ("code", "kind", "country")}
            self._store.add_party(self.consortium, str(entry.subject), **facts)
            self._parties[entry.subject] = PartyFacts(id=entry.subject, **facts)
        elif entry.chain_kind == acts.KIND:
            # A person's chain and a party's register never have one name, so one table keeps both.
            now = RegisterAt(entry.seq, entry.log, index, state)
            self._person(entry.subject).add(now)
            self._store.add_register_state(self.consortium, str(entry.subject), now)
        if entry.type == OPENED:
            self._store.add_member_log(self.consortium, name_of(self.consortium, body["code"]), body["public_key"])
        elif entry.type == PUBLISHED:
            content = body["document"]
            digest = digest_of(content)
            self._store.add_document(self.consortium, digest, content)
            self._keep(digest, content)

    def _history(self, party: UUID) -> RegisterHistory:
        if party not in self._registers:
            self._registers[party] = RegisterHistory(self._store.register_states(self.consortium, str(party)))
        return self._registers[party]

    def _person(self, subject: UUID) -> acts.PersonHistory:
        if subject not in self._people:
            self._people[subject] = acts.PersonHistory(self._store.register_states(self.consortium, str(subject)))
        return self._people[subject]

    def _keep(self, digest: str, content: Mapping[str, Any]) -> None:
        self._documents[digest] = content
        self._documents.move_to_end(digest)
        if len(self._documents) > DOCUMENTS_KEPT:
            self._documents.popitem(last=False)


class SeenFrom:
    """The same world as the rules see it for a record of this log."""

    def __init__(self, world: StoredWorld, log: str) -> None:
        self._world = world
        self._log = log

    def party(self, party: UUID) -> PartyFacts:
        facts = self._world.known_party(party)
        if facts is None:
            raise self._missing(f"No member {party} is enrolled.")
        return facts

    def document(self, digest: str) -> Mapping[str, Any]:
        found = self._world.known_document(digest)
        if found is None:
            raise self._missing(f"No document with the digest {digest[:16]}… is on the ledger.")
        return found

    def _missing(self, what: str) -> Exception:
        consortium = self._world.consortium
        return Refused(what) if self._log == consortium else Awaited(what, log=consortium)
