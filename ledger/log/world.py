"""The world as this installation's database knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ledger.log.contract import PartyFacts, Refused
from ledger.log.models import Document
from ledger.parties.models import Party


class DatabaseWorld:
    """Parties and documents, read from the tables that mirror their chains.

    A party's facts and a document never change once recorded, so they are kept for the life of the process.
    """

    _parties: dict[UUID, PartyFacts] = {}
    _documents: dict[str, Mapping[str, Any]] = {}

    def party(self, party: UUID) -> PartyFacts:
        if party not in self._parties:
            row = Party.objects.filter(pk=party).first()
            if row is None:
                raise Refused(f"No member {party} is enrolled.")
            self._parties[party] = PartyFacts(id=row.id, code=row.code, kind=row.kind, country=row.country)
        return self._parties[party]

    def document(self, digest: str) -> Mapping[str, Any]:
        if digest not in self._documents:
            row = Document.objects.filter(pk=digest).first()
            if row is None:
                raise Refused(f"No document with the digest {digest[:16]}… is on the ledger.")
            self._documents[digest] = row.content
        return self._documents[digest]

    @classmethod
    def forget(cls) -> None:
        """Drop what is kept; tests that rebuild the database call it."""
        cls._parties.clear()
        cls._documents.clear()


world = DatabaseWorld()
