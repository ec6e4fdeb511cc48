"""Reading slots and itineraries: what may be booked, what is, and for whom there is room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from custody.protocols.document import Protocol
from custody.scheduling import itineraries, loading, permissions, rules
from custody.scheduling.boards import (
    Board,
    BoardSlot,
    CalendarEntry,
    Room,
    RoomDay,
    RoomRow,
    calendar,
    capacity_board,
    room_this_week,
)
from custody.scheduling.itineraries import HeldChain
from custody.scheduling.models import Slot
from custody.scheduling.moves import KnockOn
from custody.scheduling.plan import Criteria, Offer, PlannedSlot, SearchResult
from custody.therapies.steps import TherapyNotFound, protocol_of
from ledger.ids import derived
from ledger.log.models import Chain
from ledger.parties.actor import Actor


def offers(*, therapy: UUID, by: Actor, criteria: Criteria, at: datetime) -> SearchResult:
    """The best whole chains for a therapy, or the reason why there is none. Eleven queries, however many slots.

    Raises NotPermitted, TherapyNotFound.
    """
    chain, protocol = _chain(therapy)
    permissions.check_search(by, chain.state)
    problem = loading.load_problem(therapy=therapy, state=chain.state, protocol=protocol, at=at, criteria=criteria)
    return rules.search_chains(problem, criteria, at=at)


def held_chain(*, therapy: UUID, by: Actor, at: datetime) -> HeldChain | None:
    """The chain that is held for a therapy now, if any. Raises NotPermitted, TherapyNotFound."""
    chain, protocol = _chain(therapy)
    permissions.check_search(by, chain.state)
    holds = itineraries.live_holds(therapy, at)
    if not holds:
        return None
    problem = loading.load_problem(therapy=therapy, state=chain.state, protocol=protocol, at=at)
    if len(problem.begun) + len(holds) != len(protocol.slots):
        return None
    slots: list[Slot] = [hold.slot for hold in holds]
    planned = itineraries.planned_from(problem, slots)
    offer = itineraries.offer_from(problem, planned, why=("Held",), at=at)
    return HeldChain(offer=offer, expires_at=min(hold.expires_at for hold in holds), held_by=holds[0].held_by)


def booked_chain(*, therapy: UUID, by: Actor, at: datetime) -> Offer | None:
    """The whole chain that is booked, spelt out as an offer with its limits; None when none is.

    Raises NotPermitted, TherapyNotFound.
    """
    chain, protocol = _chain(therapy)
    permissions.check_search(by, chain.state)
    return itineraries.booked_chain(therapy=therapy, chain=chain, protocol=protocol, at=at)


def knock_on(*, therapy_id: UUID, slot_ids: Sequence[UUID], by: Actor, at: datetime) -> KnockOn:
    """Everything that booking or moving to these slots would set in motion, and who is told, before it happens."""
    chain, _ = _chain(therapy_id)
    permissions.check_search(by, chain.state)
    return itineraries.knock_on(therapy_id=therapy_id, slot_ids=slot_ids, at=at)


def itinerary(*, therapy_id: UUID, by: Actor) -> tuple[PlannedSlot, ...]:
    """The slots that are booked for a therapy, in order; a courier sees its own. Empty when nothing is booked.

    Raises NotPermitted, TherapyNotFound.
    """
    chain, protocol = _chain(therapy_id)
    permissions.check_read(by, chain.state)
    booked = itineraries.booked_slots(therapy_id, protocol)
    if by.party_kind == "courier":
        return tuple(slot for slot in booked if slot.party == by.party)
    return booked


def _chain(therapy: UUID) -> tuple[Chain, Protocol]:
    chain = Chain.objects.filter(pk=derived("chain", "therapy", therapy)).first()
    if chain is None:
        raise TherapyNotFound("There is no such therapy for your organisation.")
    return chain, protocol_of(chain)


__all__ = [
    "Board",
    "BoardSlot",
    "CalendarEntry",
    "Criteria",
    "HeldChain",
    "KnockOn",
    "PlannedSlot",
    "Room",
    "RoomDay",
    "RoomRow",
    "SearchResult",
    "booked_chain",
    "calendar",
    "capacity_board",
    "held_chain",
    "itinerary",
    "knock_on",
    "offers",
    "room_this_week",
]
