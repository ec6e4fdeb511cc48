"""Holding a whole chain of slots, booking it and moving it: all of it or none (DESIGN §9)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.db import transaction

from custody.exceptions.from_steps import raise_findings
from custody.protocols.document import Protocol
from custody.scheduling import itineraries, loading, permissions, places, rules, wording
from custody.scheduling.fitting import check_chain
from custody.scheduling.itineraries import HeldChain
from custody.scheduling.models import SlotHold
from custody.scheduling.moves import KnockOn
from custody.scheduling.plan import Criteria, Offer, PlannedSlot, Problem
from custody.scheduling.publishing import (
    NewSlot,
    Published,
    SlotInUse,
    declare_lane,
    declare_site,
    publish_slots,
    withdraw_slots,
)
from custody.therapies.steps import lock_therapy, protocol_of, step_body
from ledger.clock import stamp
from ledger.errors import BadInput, Conflict
from ledger.ids import derived
from ledger.log.models import Chain, Record
from ledger.log.operations import append, operation
from ledger.parties.actor import Actor

P = ParamSpec("P")
R = TypeVar("R")
HOLD_MINUTES_MAX = 60
MOVE_REASONS = {
    "patient": "the patient is not ready",
    "centre": "our chair, bed or people",
    "maker": "the maker's capacity",
    "courier": "the courier or the road",
    "other": "another reason",
}
"""Whose plans changed: the code that is recorded, and its words."""


class SlotTaken(Conflict):
    """Somebody else was first on a slot of the chain. Nothing is booked; `alternatives` are the chains that fit now."""

    def __init__(self, message: str, alternatives: Sequence[Offer] = (), *, slot: UUID | None = None) -> None:
        super().__init__(message, field="slots")
        self.alternatives = tuple(alternatives)
        self.slot = slot


class NothingToBook(Conflict):
    """The protocol of this therapy has no booking."""


class NothingMoves(BadInput):
    """The slots asked for are the ones that are booked."""


class MovedMeanwhile(Conflict):
    """Somebody else moved the chain since the page was opened. Nothing moved."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A moved chain: its record, and everything that the move set in motion."""

    record: Record
    knock_on: KnockOn


def _with_alternatives(function: Callable[P, R]) -> Callable[P, R]:
    """Give a lost race the chains that fit now: searched after the transaction, so that no lock waits for it."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SlotTaken as lost:
            given: dict[str, Any] = dict(kwargs)
            chain = Chain.objects.get(pk=derived("chain", "therapy", given["therapy_id"]))
            at: datetime = given["at"]
            criteria = given.get("criteria") or Criteria(earliest=at)
            problem = loading.load_problem(
                therapy=chain.subject, state=chain.state, protocol=protocol_of(chain), at=at, criteria=criteria
            )
            lost.alternatives = rules.search_chains(problem, criteria, at=at).offers
            raise

    return run


@_with_alternatives
@operation
def book_itinerary(
    *, therapy_id: UUID, slot_ids: Sequence[UUID], by: Actor, at: datetime, key: str, criteria: Criteria | None = None
) -> Record:
    """Book a whole chain of slots, given in the protocol's order, or none of them.

    `criteria` are those of the search the chain was chosen from: a lost race answers with fresh offers for them.
    Raises NotPermitted, TherapyNotFound, SlotsWrong, SlotGone, ChainDoesNotFit, SlotTaken, and Refused by the contract.
    """
    chain, protocol = lock_therapy(therapy_id)
    permissions.check_book(by, chain.state)
    step = protocol.step_of_kind("booking")
    if step is None:
        raise NothingToBook("This therapy's protocol books no slots.")
    planned, _ = _take(chain, protocol, slot_ids, at=at)
    body = step_body(
        therapy=therapy_id,
        state=chain.state,
        protocol=protocol,
        step=step,
        started_at=at,
        occurred_at=at,
        by=by,
        at=at,
    ) | {"bookings": _bookings(therapy_id, planned, key)}
    record = append(
        chain=chain,
        by=by,
        type=step.record_type,
        body=body,
        meaning=step.meaning,
        occurred_at=at,
        at=at,
        key=key,
    )
    raise_findings(chain=chain, protocol=protocol, step=step, started=at, ended=at, by=by, at=at, key=key)
    SlotHold.objects.filter(therapy_id=therapy_id).delete()
    return record


@operation
def record_move(
    *,
    therapy_id: UUID,
    slot_ids: Sequence[UUID],
    reason: str,
    by: Actor,
    at: datetime,
    key: str,
    instead_of: Sequence[UUID] | None = None,
) -> Record:
    """The record of `move_itinerary`."""
    chain, protocol = lock_therapy(therapy_id)
    permissions.check_move(by, chain.state)
    if reason not in MOVE_REASONS:
        raise BadInput(f"Say whose plans changed: {', '.join(sorted(MOVE_REASONS))}.", field="reason")
    before = itineraries.booked_slots(therapy_id, protocol)
    if instead_of is not None and [slot.slot for slot in before] != list(instead_of):
        raise MovedMeanwhile(
            "Somebody moved this chain since you opened the page. Nothing moved; look at what is booked now, then "
            "choose again.",
            field="slots",
        )
    planned, problem = _take(chain, protocol, slot_ids, at=at)
    begun = problem.requirements.begun
    rest = planned[begun:]
    if before and [slot.slot for slot in before] == [slot.slot for slot in planned]:
        raise NothingMoves("These slots are booked already; nothing would move.", field="slots")
    record = append(
        chain=chain,
        by=by,
        type="custody.itinerary.moved/v1",
        body={"reason": reason, "bookings": _as_booked(chain, protocol, begun) + _bookings(therapy_id, rest, key)},
        meaning="moved the slot chain",
        occurred_at=at,
        at=at,
        key=key,
    )
    SlotHold.objects.filter(therapy_id=therapy_id).delete()
    return record


@_with_alternatives
def move_itinerary(
    *,
    therapy_id: UUID,
    slot_ids: Sequence[UUID],
    reason: str,
    by: Actor,
    at: datetime,
    key: str,
    criteria: Criteria | None = None,
    instead_of: Sequence[UUID] | None = None,
) -> Moved:
    """Book anew what has not begun of the chain, and say everything that this set in motion.

    `reason` is whose plans changed (MOVE_REASONS); `instead_of` the slots that the person saw booked. The same key
    again gives the first record, and a knock-on in which nothing moves any more. Raises as `book_itinerary`, and
    NothingMoves and MovedMeanwhile.
    """
    effects = itineraries.knock_on(therapy_id=therapy_id, slot_ids=slot_ids, at=at)
    record = record_move(
        therapy_id=therapy_id, slot_ids=slot_ids, reason=reason, by=by, at=at, key=key, instead_of=instead_of
    )
    return Moved(record=record, knock_on=effects)


def hold_chain(
    *,
    therapy_id: UUID,
    slots: Sequence[UUID],
    by: Actor,
    at: datetime,
    minutes: int = 15,
    criteria: Criteria | None = None,
) -> HeldChain:
    """Keep a whole chain for this therapy for a few minutes; what it held before is let go.

    No record is made of it. Raises NotPermitted, SlotsWrong, SlotGone, ChainDoesNotFit, SlotTaken.
    """
    return _hold(therapy_id=therapy_id, slots=slots, by=by, at=at, minutes=minutes, criteria=criteria)


@_with_alternatives
@transaction.atomic
def _hold(
    *, therapy_id: UUID, slots: Sequence[UUID], by: Actor, at: datetime, minutes: int, criteria: Criteria | None
) -> HeldChain:
    chain, protocol = lock_therapy(therapy_id)
    permissions.check_hold(by, chain.state)
    if not 1 <= minutes <= HOLD_MINUTES_MAX:
        raise BadInput(f"A hold lasts 1 to {HOLD_MINUTES_MAX} minutes.", field="minutes")
    planned, problem = _take(chain, protocol, slots, at=at)
    expires_at = at + timedelta(minutes=minutes)
    SlotHold.objects.filter(therapy_id=therapy_id).delete()
    SlotHold.objects.bulk_create(
        SlotHold(
            slot_id=slot.slot, therapy_id=therapy_id, held_by=by.person, ends_at=slot.ends_at, expires_at=expires_at
        )
        for slot in planned[problem.requirements.begun :]
    )
    offer = itineraries.offer_from(problem, planned, why=("Held",), at=at)
    return HeldChain(offer=offer, expires_at=expires_at, held_by=by.person)


@transaction.atomic
def release_hold(*, therapy_id: UUID, by: Actor, at: datetime) -> int:
    """Let the held slots of a therapy go; gives how many there were."""
    chain, _ = lock_therapy(therapy_id)
    permissions.check_hold(by, chain.state)
    return SlotHold.objects.filter(therapy_id=therapy_id).delete()[0]


def sweep_holds(*, at: datetime) -> int:
    """Remove the holds that ran out; they count for nothing already. Gives how many there were."""
    return SlotHold.objects.filter(expires_at__lte=at).delete()[0]


def _take(
    chain: Chain, protocol: Protocol, slot_ids: Sequence[UUID], *, at: datetime
) -> tuple[tuple[PlannedSlot, ...], Problem]:
    """Check that these slots are a whole chain, lock those to come, and check that each has a place left."""
    problem = loading.load_problem(therapy=chain.subject, state=chain.state, protocol=protocol, at=at)
    slots = itineraries.chosen_slots(problem, slot_ids)
    if not slots:
        raise NothingMoves("Everything that is booked has begun; nothing of it can be moved.", field="slots")
    planned = itineraries.planned_from(problem, slots)
    check_chain(problem, planned)
    rest = planned[problem.requirements.begun :]
    if rest[0].starts_at < at:
        raise itineraries.SlotGone("The first slot of this chain has begun already. Search again.", field="slots")
    places.lock(slots, [slot.ends_at for slot in rest])
    gone = places.taken(
        parties={slot.party_id for slot in slots},
        start=rest[0].starts_at,
        end=max(slot.ends_at for slot in rest),
        at=at,
        but_for=chain.subject,
    )
    for slot, booking in zip(slots, rest, strict=True):
        if gone.free(slot, booking.ends_at) < 1:
            start = wording.when(slot.starts_at, problem.time_zone)
            raise SlotTaken(
                f"{booking.party_name}, {slot.resource} on {start} was taken a moment ago. Nothing is booked; choose "
                "another chain.",
                slot=slot.id,
            )
    return planned, problem


def _as_booked(chain: Chain, protocol: Protocol, begun: int) -> list[dict[str, str]]:
    """The bookings that stay, as they stand on record."""
    names = ("id", "slot", "party", "start", "end")
    return [
        {"code": spec.code, **{name: chain.state["slots"][spec.code][name] for name in names}}
        for spec in protocol.slots[:begun]
    ]


def _bookings(therapy: UUID, planned: Sequence[PlannedSlot], key: str) -> list[dict[str, str]]:
    return [
        {
            "id": str(derived("booking", therapy, key, slot.code)),
            "code": slot.code,
            "slot": str(slot.slot),
            "party": str(slot.party),
            "start": stamp(slot.starts_at),
            "end": stamp(slot.ends_at),
        }
        for slot in planned
    ]


__all__ = [
    "HeldChain",
    "Moved",
    "NewSlot",
    "Published",
    "SlotInUse",
    "SlotTaken",
    "book_itinerary",
    "declare_lane",
    "declare_site",
    "hold_chain",
    "move_itinerary",
    "publish_slots",
    "release_hold",
    "sweep_holds",
    "withdraw_slots",
]
