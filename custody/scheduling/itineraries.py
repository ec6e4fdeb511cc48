"""A therapy's chain as rows tell it: what is booked, what is held. For this room's operations and queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from custody.protocols.document import Protocol
from custody.scheduling import loading, rules
from custody.scheduling.fitting import check_chain
from custody.scheduling.models import Booking, Slot, SlotHold
from custody.scheduling.moves import KnockOn, knock_on_of
from custody.scheduling.plan import FreeSlot, Offer, PlannedSlot, Problem
from custody.therapies.steps import TherapyNotFound, protocol_of
from ledger.errors import BadInput, Conflict
from ledger.ids import derived
from ledger.log.models import Chain
from ledger.parties.models import Party


class SlotGone(Conflict):
    """A slot is no longer offered."""


class SlotsWrong(BadInput):
    """The slots named are not one for each link of the protocol's chain."""


@dataclass(frozen=True, slots=True)
class HeldChain:
    """Slots kept for a therapy until `expires_at`, spelt out as an offer."""

    offer: Offer
    expires_at: datetime
    held_by: UUID


def chosen_slots(problem: Problem, slot_ids: Sequence[UUID]) -> list[Slot]:
    """The slots with these ids, in this order, without those that have begun, which stay.

    Raises SlotsWrong, SlotGone.
    """
    specs, begun = problem.requirements.specs, problem.requirements.begun
    if len(slot_ids) != len(specs) or len(set(slot_ids)) != len(slot_ids):
        raise SlotsWrong(f"Choose one slot for each of the {len(specs)} links of the chain.", field="slots")
    for identifier, staying in zip(slot_ids, problem.begun, strict=False):
        if identifier != staying.id:
            raise SlotsWrong("What has begun stays as it was booked. Search again.", field="slots")
    chosen = list(slot_ids[begun:])
    found = {slot.id: slot for slot in Slot.objects.filter(pk__in=chosen)}
    for identifier, spec in zip(chosen, specs[begun:], strict=True):
        slot = found.get(identifier)
        if slot is None or not slot.published:
            raise SlotGone(f"The slot for “{spec.title}” is no longer offered. Search again.", field="slots")
        if slot.ends_at - slot.starts_at < timedelta(minutes=spec.minutes):
            raise SlotGone(f"{slot.resource} is too short for “{spec.title}”. Search again.", field="slots")
    return [found[identifier] for identifier in chosen]


def planned_from(problem: Problem, slots: Sequence[Slot]) -> tuple[PlannedSlot, ...]:
    """The chain that these slots become, after what has begun, which stands as it really went."""
    chosen = [FreeSlot(s.id, s.party_id, s.kind, s.resource, s.starts_at, s.ends_at, s.capacity) for s in slots]
    return rules.plan(problem, [*problem.begun, *chosen])


def as_it_went(problem: Problem, booked: Sequence[PlannedSlot]) -> tuple[PlannedSlot, ...]:
    """The booked chain with what has begun at its real times, so that limits count from these."""
    times = {slot.id: (slot.starts_at, slot.ends_at) for slot in problem.begun}
    went = [
        replace(slot, starts_at=times[slot.slot][0], ends_at=times[slot.slot][1]) if slot.slot in times else slot
        for slot in booked
    ]
    return tuple(
        replace(slot, to_next_minutes=rules.minutes_of(after.starts_at - slot.ends_at) if after else None)
        for slot, after in zip(went, [*went[1:], None], strict=False)
    )


def offer_from(problem: Problem, planned: tuple[PlannedSlot, ...], *, why: tuple[str, ...], at: datetime) -> Offer:
    """The offer that a chain is."""
    maker = problem.makers.get(planned[problem.requirements.making].party, problem.centre)
    return rules.offer_of(problem, planned, maker=maker, why=why, at=at)


def booked_slots(therapy: UUID, protocol: Protocol) -> tuple[PlannedSlot, ...]:
    """The chain that is booked, in order; empty when none is. Two queries."""
    rows = Booking.objects.filter(therapy_id=therapy, released_at=None).select_related("slot")
    # What was moved once the cells were collected may stand before a place that was not used when it was booked for.
    order = [spec.code for spec in protocol.slots]
    bookings = sorted(rows, key=lambda row: order.index(row.code))
    names: Mapping[UUID, str] = dict(
        Party.objects.filter(pk__in={row.party_id for row in bookings}).values_list("id", "name")
    )
    titles = {spec.code: spec for spec in protocol.slots}
    starts: list[datetime | None] = [*[row.starts_at for row in bookings[1:]], None]
    return tuple(
        PlannedSlot(
            code=row.code,
            title=titles[row.code].title,
            kind=row.slot.kind,
            slot=row.slot_id,
            party=row.party_id,
            party_name=names.get(row.party_id, ""),
            resource=row.slot.resource,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            to_next_minutes=int((following - row.ends_at).total_seconds()) // 60 if following else None,
        )
        for row, following in zip(bookings, starts, strict=False)
    )


def live_holds(therapy: UUID, at: datetime) -> list[SlotHold]:
    """The holds of a therapy that have not run out, by start."""
    rows = SlotHold.objects.filter(therapy_id=therapy, expires_at__gt=at).select_related("slot")
    return list(rows.order_by("slot__starts_at"))


def booked_chain(*, therapy: UUID, chain: Chain, protocol: Protocol, at: datetime) -> Offer | None:
    """The chain that is booked, with its limits as they stand now; None when none is."""
    booked = booked_slots(therapy, protocol)
    if len(booked) != len(protocol.slots):
        return None
    problem = loading.load_problem(therapy=therapy, state=chain.state, protocol=protocol, at=at)
    return offer_from(problem, as_it_went(problem, booked), why=("Booked now",), at=at)


def knock_on(*, therapy_id: UUID, slot_ids: Sequence[UUID], at: datetime) -> KnockOn:
    """What booking or moving to these slots would set in motion, compared with what is booked now.

    Raises SlotsWrong, SlotGone, ChainDoesNotFit.
    """
    chain = Chain.objects.filter(pk=derived("chain", "therapy", therapy_id)).first()
    if chain is None:
        raise TherapyNotFound("There is no such therapy.")
    protocol = protocol_of(chain)
    problem = loading.load_problem(therapy=therapy_id, state=chain.state, protocol=protocol, at=at)
    planned = planned_from(problem, chosen_slots(problem, slot_ids))
    check_chain(problem, planned)
    offer = offer_from(problem, planned, why=("Chosen",), at=at)
    before = as_it_went(problem, booked_slots(therapy_id, protocol))
    return knock_on_of(before, offer, zone=problem.time_zone)
