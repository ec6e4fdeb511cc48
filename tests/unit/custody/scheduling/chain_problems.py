"""Small search problems, and a search that tries every chain there is: the oracle of the tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

from custody.protocols.document import SlotSpec
from custody.scheduling.plan import FreeSlot, Member, Problem, Requirements
from ledger.ids import derived

T0 = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
CENTRE = Member(derived("c"), "Linden", "treatment_centre", 0)
MAKERS = {derived("m", n): Member(derived("m", n), f"Maker {n}", "manufacturer", km) for n, km in ((1, 900), (2, 80))}
COURIERS = {derived("k", n): Member(derived("k", n), f"Courier {n}", "courier", None) for n in (1, 2)}
MAKER, NEAR = MAKERS
LANE, VAN = COURIERS


def spec(code, kind, party, minutes, low=0, high=0):
    return SlotSpec(code, code.title(), kind, party, minutes, low, high)


SPECS = (
    spec("collect", "apheresis", "centre", 120),
    spec("pickup", "pickup", "courier_outbound", 60, 30, 480),
    spec("making", "manufacturing", "maker", 600, 120, 900),
    spec("return", "return", "courier_return", 240, 60, 900),
    spec("bed", "bed", "centre", 600, 0, 2000),
)


def slot(party, kind, hours, number=0, minutes=1200, free=1):
    start = T0 + timedelta(hours=hours)
    return FreeSlot(
        derived("slot", party, kind, start, number), party, kind, f"{kind} {number}", start,
        start + timedelta(minutes=minutes), free,
    )  # fmt: skip


def problem(*slots, specs=SPECS, hold=None, longest=100_000, transit=None, makers=MAKERS, offset=0):
    return Problem(
        requirements=Requirements(specs, hold, longest, infusion_offset_minutes=offset),
        centre=CENTRE,
        makers=makers,
        couriers=COURIERS,
        transit=transit or {maker: dict.fromkeys(COURIERS, 0) for maker in MAKERS},
        slots=tuple(slots),
    )


def every_chain(problem: Problem, low: datetime, high: datetime | None) -> list[tuple[UUID, tuple[FreeSlot, ...]]]:
    """Each whole chain with its maker, found by trying all combinations of slots; written apart from the search."""
    needs = problem.requirements
    chains = []
    for maker in problem.makers:
        owners = {"centre": {problem.centre.id}, "maker": {maker}}
        choices = [
            [
                one
                for one in problem.slots
                if one.kind == wanted.kind
                and one.party in owners.get(wanted.party, set(problem.transit.get(maker, {})))
                and one.ends_at >= one.starts_at + timedelta(minutes=wanted.minutes)
            ]
            for wanted in needs.specs
        ]
        chains += [(maker, chain) for chain in product(*choices) if _holds(problem, maker, chain, low, high)]
    return chains


def _holds(problem, maker, chain, low, high):
    needs = problem.requirements
    if chain[0].starts_at < low or (high is not None and chain[0].starts_at > high):
        return False
    capacities = {}
    for one, wanted in zip(chain, needs.specs, strict=True):
        if capacities.setdefault(wanted.party, one.party) != one.party:
            return False
    for before, after, ended, wanted in zip(chain, chain[1:], needs.specs, needs.specs[1:], strict=False):
        gap = (after.starts_at - before.starts_at).total_seconds() / 60 - ended.minutes
        road = problem.transit[maker].get(before.party, 0) if ended.party != wanted.party else 0
        if ended.kind == "return":
            road -= ended.minutes
        if gap < max(wanted.gap_min_minutes, road) or (wanted.gap_max_minutes and gap > wanted.gap_max_minutes):
            return False
    making = needs.making
    hold = (chain[making].starts_at - chain[0].starts_at).total_seconds() / 60 - needs.specs[0].minutes
    if making and needs.hold_max_minutes is not None and hold > needs.hold_max_minutes:
        return False
    apart = (chain[-1].starts_at - chain[0].starts_at).total_seconds() / 60 + needs.infusion_offset_minutes
    return apart <= needs.vein_to_vein_max_minutes
