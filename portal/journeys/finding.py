"""What the search in the frame finds: a therapy, by whatever of it somebody has in hand; and the words that say so."""

from __future__ import annotations

from uuid import UUID

from custody.labels.barcode import coi_in
from custody.therapies import queries
from custody.therapies.queries import TherapyLine
from custody.transport import queries as transport
from ledger.parties.actor import Actor
from manufacturing.batches import queries as batches

SHORTEST = 3
"""Characters of a call name or an identifier that are asked for."""
WITH_BATCHES = frozenset({"manufacturer", "regulator"})
WITH_SHIPPERS = frozenset({"manufacturer", "regulator", "courier", "treatment_centre"})


def exactly(text: str, by: Actor) -> UUID | None:
    """The one therapy that this names whole: by its chain of identity, its batch or the shipper that it travels in."""
    coi = coi_in(text)
    if coi and (row := queries.find_by_coi(coi=coi, by=by)):
        return row.pk
    if by.party_kind in WITH_BATCHES and (found := batches.therapy_of(number=text, by=by)):
        return found
    return transport.therapy_in(container=text, by=by) if by.party_kind in WITH_SHIPPERS else None


def alike(text: str, by: Actor, *, limit: int) -> list[TherapyLine]:
    """Therapies whose call name or identifier holds this, the last changed first."""
    return queries.therapies(by=by, search=text, limit=limit) if len(text) >= SHORTEST else []


def searched(by: Actor) -> tuple[tuple[str, str], ...]:
    """What can be searched for by this actor, in words, each with what it looks like."""
    kinds = [("chain of identity", "scanned from a label, or typed as X0042 26 001873"), ("call name", "Heron 1873")]
    if by.party_kind in WITH_BATCHES:
        kinds.append(("batch number", "B-X004226001873"))
    if by.party_kind in WITH_SHIPPERS:
        kinds.append(("shipper’s number", "as it stands on the shipper"))
    return tuple(kinds)


def hint(by: Actor) -> str:
    """The same in one line: `Chain of identity, call name or shipper’s number`."""
    *first, last = (words for words, _ in searched(by))
    return f"{', '.join(first)} or {last}".capitalize()
