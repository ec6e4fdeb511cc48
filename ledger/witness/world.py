"""The world that the shared rules may look at, as the replayed records of one log say: no table is trusted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ledger.ids import derived
from ledger.log.contract import PartyFacts, Refused
from ledger.log.document_rules import PUBLISHED, digest_of
from ledger.log.entries import Entry
from ledger.parties.contract import ENROLLED, keys_by_id
from ledger.witness.store import Store

DOCUMENTS_KEPT = 32


class StoredWorld:
    """Parties, their keys and documents, as far as the log was replayed."""

    def __init__(self, store: Store, origin: str) -> None:
        self._store = store
        self._origin = origin
        self._parties: dict[UUID, PartyFacts] = {}
        self._keys: dict[UUID, dict[str, bytes]] = {}
        self._documents: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def party(self, party: UUID) -> PartyFacts:
        """Facts of a member. There are as many as there are members, so they are kept."""
        if party not in self._parties:
            facts = self._store.party(self._origin, str(party))
            if facts is None:
                raise Refused(f"No member {party} is enrolled.")
            self._parties[party] = PartyFacts(party, *facts)
        return self._parties[party]

    def document(self, digest: str) -> Mapping[str, Any]:
        """A document that is on the ledger; the last few are kept."""
        found = self._documents.get(digest)
        if found is None:
            found = self._store.document(self._origin, digest)
            if found is None:
                raise Refused(f"No document with the digest {digest[:16]}… is on the ledger.")
        self._keep(digest, found)
        return found

    def keys(self, party: UUID) -> Mapping[str, bytes]:
        """The keys with which a party may sign the next record: those that its chain gives it at this place."""
        if party not in self._keys:
            register = self._store.chain(self._origin, str(derived("chain", "register", party)))
            self._keys[party] = keys_by_id(register.state) if register else {}
        return self._keys[party]

    def learn(self, entry: Entry, state: Mapping[str, Any]) -> None:
        """Take what later records refer to from a record that was admitted."""
        if entry.chain_kind == "register":
            self._keys[entry.subject] = keys_by_id(state)
            if entry.type == ENROLLED:
                body = entry.body
                facts = {name: body[name] for name in ("code", "kind", "country")}
                self._store.add_party(self._origin, str(entry.subject), **facts)
                self._parties[entry.subject] = PartyFacts(id=entry.subject, **facts)
        elif entry.type == PUBLISHED:
            content = entry.body["document"]
            digest = digest_of(content)
            self._store.add_document(self._origin, digest, content)
            self._keep(digest, content)

    def _keep(self, digest: str, content: Mapping[str, Any]) -> None:
        self._documents[digest] = content
        self._documents.move_to_end(digest)
        if len(self._documents) > DOCUMENTS_KEPT:
            self._documents.popitem(last=False)
