"""Whether chosen slots are a whole chain of the protocol: asked again before anything is booked. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from uuid import UUID

from custody.scheduling import wording
from custody.scheduling.plan import PlannedSlot, Problem
from custody.scheduling.rules import minutes_of
from ledger.errors import Conflict


class ChainDoesNotFit(Conflict):
    """The slots chosen are no whole chain of this protocol; the message names the link that fails."""


def _owners(problem: Problem, capacity: str, maker: UUID) -> Container[UUID]:
    if capacity == "centre":
        return (problem.centre.id,)
    if capacity in problem.kept:
        return (problem.kept[capacity],)
    return problem.makers if capacity == "maker" else problem.transit.get(maker, {})


def check_chain(problem: Problem, planned: Sequence[PlannedSlot]) -> None:
    """Raise ChainDoesNotFit unless these slots are a whole chain of the protocol, within every limit.

    The contract checks order, owners and gaps again; the hold and the way from vein to vein are checked here only.
    """
    needs = problem.requirements
    for index, (slot, spec) in enumerate(zip(planned, needs.specs, strict=True)):
        if index < needs.begun:
            continue
        if slot.kind != spec.kind or slot.party not in _owners(problem, spec.party, planned[needs.making].party):
            raise ChainDoesNotFit(
                f"{slot.party_name}, {slot.resource} is no place for “{spec.title}” of this therapy.", field="slots"
            )
        if index == 0:
            continue
        gap = minutes_of(slot.starts_at - planned[index - 1].ends_at)
        before = planned[index - 1].title
        least = spec.gap_min_minutes
        courier = planned[index - 1].party
        if spec.party != needs.specs[index - 1].party:
            least = max(least, problem.road(planned[needs.making].party, courier, needs.specs[index - 1]))
        if gap < least or (spec.gap_max_minutes and gap > spec.gap_max_minutes):
            apart = f"{wording.span(gap)} after" if gap >= 0 else f"{wording.span(-gap)} before"
            allowed = wording.allowed_gap(least, spec.gap_max_minutes)
            raise ChainDoesNotFit(f"“{spec.title}” would start {apart} “{before}” ends; {allowed}.", field="slots")
    first, last, making = planned[0], planned[-1], planned[needs.making]
    hold = minutes_of(making.starts_at - first.ends_at)
    longest = needs.hold_max_minutes if needs.making and needs.begun <= needs.making else None
    if longest is not None and hold > longest:
        raise ChainDoesNotFit(
            f"The cells would wait {wording.span(hold)} from collection to making; "
            f"{wording.span(longest)} are allowed.",
            field="slots",
        )
    vein_to_vein = minutes_of(last.starts_at - first.starts_at) + needs.infusion_offset_minutes
    if vein_to_vein > needs.vein_to_vein_max_minutes:
        raise ChainDoesNotFit(
            f"Infusion would follow {wording.span(vein_to_vein)} after collection; "
            f"{wording.span(needs.vein_to_vein_max_minutes)} are allowed.",
            field="slots",
        )
