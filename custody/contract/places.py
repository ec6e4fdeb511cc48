"""Which booked places have begun, since when, and whose they stay when the rest of a chain moves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from custody.protocols.document import Protocol, SlotSpec, Step
from ledger.clock import parse_stamp

BEGINS = frozenset({"collection", "preparation", "process", "test", "review", "release", "bedside", "infusion"})
"""Step kinds that use a place; what only readies it (a label, packing) or looks at the cells leaves it as it is."""
STAYS = frozenset({"centre", "maker", "payer"})
"""Whose capacity a move never changes once the cells are collected; the others are couriers'."""


def places_begun(state: Mapping[str, Any], protocol: Protocol) -> int:
    """How many links of the booked chain have begun, from its first: the last that was begun, and all before it.

    They stay as they were booked; what follows can still move.
    """
    begun = [number for number, spec in enumerate(protocol.slots, start=1) if _steps_done(state, protocol, spec)]
    collection = protocol.step_of_kind("collection")
    collected = collection is not None and collection.code in state["done"]
    return max([*begun, 1 if collected and protocol.slots else 0], default=0)


def began_at(state: Mapping[str, Any], protocol: Protocol, spec: SlotSpec) -> datetime:
    """When a place that has begun did so, by its records; else when it was booked for."""
    starts = [parse_stamp(state["done"][step.code]["start"]) for step in _steps_done(state, protocol, spec)]
    return min(starts) if starts else parse_stamp(state["slots"][spec.code]["start"])


def parties_kept(state: Mapping[str, Any], protocol: Protocol, begun: int) -> dict[str, str]:
    """Who takes part whatever is booked anew: before anything has begun only the centre and the payer.

    From then on the maker too, and each courier whose place has begun or to whom the cells are offered.
    """
    parties: dict[str, str] = state["parties"]
    if not begun:
        return {capacity: parties[capacity] for capacity in ("centre", "payer")}
    stay = STAYS | {spec.party for spec in protocol.slots[:begun]}
    offered = (state["custody"]["offer"] or {}).get("to")
    return {capacity: party for capacity, party in parties.items() if capacity in stay or party == offered}


def _steps_done(state: Mapping[str, Any], protocol: Protocol, spec: SlotSpec) -> list[Step]:
    """The steps on record that used this place: those of its owner, due by it."""
    return [
        step
        for step in protocol.steps
        if step.due.slot == spec.code and step.party == spec.party and step.code in state["done"] and _uses(step)
    ]


def _uses(step: Step) -> bool:
    return step.kind in BEGINS or (step.kind == "accept" and step.party not in STAYS)
