"""Who may search, hold, book, move and publish: the role's permission, on this object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custody.therapies.steps import TherapyNotFound
from ledger.errors import NotPermitted
from ledger.parties.actor import Actor

SEARCH = "itinerary.search"
BOOK = "itinerary.book"
MOVE = "itinerary.move"
PUBLISH = "slots.publish"
READ = "therapy.read"

KINDS_OF = {
    "treatment_centre": frozenset({"apheresis", "bed"}),
    "manufacturer": frozenset({"manufacturing", "testing", "release_review"}),
    "courier": frozenset({"pickup", "return"}),
}
"""The kinds of slot that each kind of member offers."""


def check_search(by: Actor, state: Mapping[str, Any]) -> None:
    """Raise NotPermitted or TherapyNotFound unless the actor may see which chains fit this therapy."""
    by.check(SEARCH)
    _check_takes_part(by, state)


def check_book(by: Actor, state: Mapping[str, Any]) -> None:
    """Raise unless the actor may book for this therapy: its own centre does."""
    by.check(BOOK)
    _check_is_centre(by, state)


def check_move(by: Actor, state: Mapping[str, Any]) -> None:
    """Raise unless the actor may move this therapy's chain: its own centre does."""
    by.check(MOVE)
    _check_is_centre(by, state)


def check_hold(by: Actor, state: Mapping[str, Any]) -> None:
    """Raise unless the actor may book or move for this therapy, and so hold slots for it."""
    if not by.may(BOOK):
        by.check(MOVE)
    _check_is_centre(by, state)


def check_read(by: Actor, state: Mapping[str, Any]) -> None:
    """Raise unless the actor may see this therapy's itinerary."""
    by.check(READ)
    if by.party_kind != "regulator":
        _check_takes_part(by, state)


def check_publish(by: Actor, kinds: frozenset[str]) -> None:
    """Raise NotPermitted unless the actor's organisation offers slots of these kinds."""
    by.check(PUBLISH)
    foreign = kinds - KINDS_OF.get(by.party_kind, frozenset())
    if foreign:
        names = ", ".join(sorted(kind.replace("_", " ") for kind in foreign))
        raise NotPermitted(f"A {by.party_kind.replace('_', ' ')} offers no slots of the kind: {names}.")


def _check_takes_part(by: Actor, state: Mapping[str, Any]) -> None:
    if str(by.party) not in state.get("parties", {}).values():
        raise TherapyNotFound("There is no such therapy for your organisation.")


def _check_is_centre(by: Actor, state: Mapping[str, Any]) -> None:
    _check_takes_part(by, state)
    if state["parties"]["centre"] != str(by.party):
        raise NotPermitted("Only the centre that ordered the therapy books and moves its slots.")
