"""Which booked places have begun, since when, and whose they stay when the rest of a chain moves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from custody.protocols.document import Protocol, SlotSpec, Step
from ledger.clock import parse_stamp

BEGINS = frozenset({"collection", "preparation", "process", "test", "review", "release", "bedside", "infusion"})
"""Step kinds that use a place; what only readies it (a label, packing) or looks at the cells leaves it as it is."""
STAYS = frozenset({"centre", "maker", "payer"})
"""Whose capacity a move never changes once the cells are collected; the others are couriers'."""


def places_begun(state: Mapping[str, Any], protocol: Protocol) -> int:
    """How many links of the booked chain have begun, from its first: the last that was begun, and all before it.

    They stay as they were booked; what follows can still move. Before the collection nothing has begun: what readies
    the patient for it uses no place that could not move.
    """
    collection = protocol.step_of_kind("collection")
    if collection is None or collection.code not in state["done"] or not protocol.slots:
        return 0
    begun = [number for number, spec in enumerate(protocol.slots, start=1) if _steps_done(state, protocol, spec)]
    return max([*begun, 1])


def began_at(state: Mapping[str, Any], protocol: Protocol, spec: SlotSpec) -> datetime:
    """When a place that has begun did so, by its records; else when it was booked for.

    The collection's is reckoned back from its end, by as long as the place was planned for: cells keep, and a courier
    comes, from when they left the patient.
    """
    collection = protocol.step_of_kind("collection")
    if collection is not None and collection.due.slot == spec.code and collection.code in state["done"]:
        return parse_stamp(state["done"][collection.code]["at"]) - timedelta(minutes=spec.minutes)
    starts = [parse_stamp(state["done"][step.code]["start"]) for step in _steps_done(state, protocol, spec)]
    return min(starts) if starts else parse_stamp(state["slots"][spec.code]["start"])


def parties_kept(state: Mapping[str, Any], protocol: Protocol, begun: int) -> dict[str, str]:
    """Who takes part whatever is booked anew: before anything has begun only the centre and the payer.

    From then on the maker too, and each courier whose place has begun, or that has the cells or is offered them.
    """
    parties: dict[str, str] = state["parties"]
    if not begun:
        return {capacity: parties[capacity] for capacity in ("centre", "payer")}
    stay = STAYS | {spec.party for spec in protocol.slots[:begun]}
    at_hand = {state["custody"].get("holder"), (state["custody"]["offer"] or {}).get("to")}
    return {capacity: party for capacity, party in parties.items() if capacity in stay or party in at_hand}


def _steps_done(state: Mapping[str, Any], protocol: Protocol, spec: SlotSpec) -> list[Step]:
    """The steps on record that used this place: those of its owner, due by it."""
    return [
        step
        for step in protocol.steps
        if step.due.slot == spec.code and step.party == spec.party and step.code in state["done"] and _uses(step)
    ]


def _uses(step: Step) -> bool:
    return step.kind in BEGINS or (step.kind == "accept" and step.party not in STAYS)
