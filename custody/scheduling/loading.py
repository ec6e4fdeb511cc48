"""A search's problem, read from the tables in a number of queries that does not grow with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from custody.contract.places import began_at, parties_kept, places_begun
from custody.protocols.document import Protocol
from custody.scheduling import places
from custody.scheduling.models import Lane, ProductSite, Slot
from custody.scheduling.plan import Criteria, FreeSlot, Member, Problem, Requirements, requirements_of
from ledger.parties.models import Party

EARTH_KM = 6371.0
LOOK_AHEAD_DAYS = 28
"""How far past the wanted collection the search looks for other collections."""


def load_problem(
    *,
    therapy: UUID,
    state: Mapping[str, Any],
    protocol: Protocol,
    at: datetime,
    criteria: Criteria | None = None,
) -> Problem:
    """The members that may take part in this therapy and, with criteria, the free slots to search."""
    centre_id, payer_id = UUID(state["parties"]["centre"]), UUID(state["parties"]["payer"])
    sites = list(ProductSite.objects.filter(protocol_code=protocol.code).values_list("party_id", "centre_id"))
    lanes = list(Lane.objects.values_list("courier_id", "centre_id", "maker_id", "transit_minutes"))
    parties = {
        party.id: party
        for party in Party.objects.filter(kind__in=["manufacturer", "courier"])
        | Party.objects.filter(pk__in=[centre_id, payer_id])
    }
    centre = parties[centre_id]
    makers = _able(parties, "manufacturer", sites, centre)
    couriers = _able(parties, "courier", sites, centre)
    transit = {maker: _roads(maker, centre_id, couriers, lanes) for maker in makers}
    begun = _begun(state, protocol)
    requirements = replace(requirements_of(protocol), begun=len(begun))
    slots: tuple[Any, ...] = ()
    if criteria is not None and begun:
        slots = places.free_slots(
            specs=requirements.specs[len(begun) :],
            parties=[centre_id, *makers, *couriers],
            windows=_windows_of_rest(requirements, begun[0].starts_at, max(at, criteria.earliest)),
            at=at,
            but_for=therapy,
        )
    elif criteria is not None:
        last_collection = (criteria.fit_until or criteria.collect_from) + timedelta(days=LOOK_AHEAD_DAYS)
        slots = places.free_slots(
            specs=requirements.specs,
            parties=[centre_id, *makers, *couriers],
            windows=_windows(requirements, at, max(at, last_collection)),
            at=at,
            but_for=therapy,
        )
    return Problem(
        requirements=requirements,
        centre=Member(centre.id, centre.name, centre.kind, 0),
        makers=makers,
        couriers=couriers,
        transit=transit,
        slots=slots,
        payer=Member(payer_id, parties[payer_id].name, parties[payer_id].kind),
        time_zone=centre.time_zone,
        begun=begun,
        kept=_kept(state, protocol, len(begun)),
    )


def _begun(state: Mapping[str, Any], protocol: Protocol) -> tuple[FreeSlot, ...]:
    """The links that are under way or over, each from when it really began; none ends before the one before it."""
    if not state.get("slots"):
        return ()
    specs = protocol.slots[: places_begun(state, protocol)]
    resources = Slot.objects.in_bulk([UUID(state["slots"][spec.code]["slot"]) for spec in specs]) if specs else {}
    found: list[FreeSlot] = []
    for spec in specs:
        booked = state["slots"][spec.code]
        slot, start = resources[UUID(booked["slot"])], began_at(state, protocol, spec)
        start = max([start, *(one.starts_at for one in found[-1:])])
        end = start + timedelta(minutes=spec.minutes)
        found.append(FreeSlot(slot.id, UUID(booked["party"]), spec.kind, slot.resource, start, end, 1))
    return tuple(found)


def _kept(state: Mapping[str, Any], protocol: Protocol, begun: int) -> dict[str, UUID]:
    if not begun:
        return {}
    return {capacity: UUID(party) for capacity, party in parties_kept(state, protocol, begun).items()}


def _windows_of_rest(
    requirements: Requirements, collected_at: datetime, earliest: datetime
) -> Mapping[str, tuple[datetime, datetime]]:
    """When a slot of each kind that is still to come may start: not before `earliest`.

    Places of a while after it are read as well, so that where none fits the next one can be named.
    """
    kinds = {spec.kind for spec in requirements.specs[requirements.begun :]}
    last = {kind: collected_at + timedelta(minutes=requirements.apart(kind)[1]) for kind in kinds}
    ahead = earliest + timedelta(days=LOOK_AHEAD_DAYS)
    return {kind: (earliest, max(ahead, until)) for kind, until in last.items()}


def _windows(requirements: Requirements, first: datetime, last: datetime) -> Mapping[str, tuple[datetime, datetime]]:
    """When a slot of each kind may start in a chain whose first slot starts from `first` to `last`."""
    found = {}
    for kind in {spec.kind for spec in requirements.specs}:
        least, most = requirements.apart(kind)
        found[kind] = (first + timedelta(minutes=least), last + timedelta(minutes=most))
    return found


def _able(
    parties: Mapping[UUID, Party], kind: str, sites: Sequence[tuple[UUID, UUID | None]], centre: Party
) -> dict[UUID, Member]:
    """The members of a kind that serve the product at this centre; all of them while none is named."""
    members = {
        party.id: Member(party.id, party.name, party.kind, kilometres(centre, party))
        for party in sorted(parties.values(), key=lambda party: party.name)
        if party.kind == kind
    }
    if not any(site in members for site, _ in sites):
        return members
    named = {site for site, only in sites if only is None or only == centre.id}
    return {identifier: member for identifier, member in members.items() if identifier in named}


def _roads(
    maker: UUID, centre: UUID, couriers: Mapping[UUID, Member], lanes: list[tuple[UUID, UUID, UUID, int]]
) -> dict[UUID, int]:
    """Couriers that drive between centre and maker, with the least minutes of their road."""
    with_lanes = {courier for courier, _, _, _ in lanes}
    driven = {lane[0]: lane[3] for lane in lanes if lane[1] == centre and lane[2] == maker}
    return {courier: driven.get(courier, 0) for courier in couriers if courier in driven or courier not in with_lanes}


def kilometres(one: Party, other: Party) -> int | None:
    """The great-circle distance, or None while one of the places is not known (0, 0)."""
    if (one.latitude_e6, one.longitude_e6) == (0, 0) or (other.latitude_e6, other.longitude_e6) == (0, 0):
        return None
    lat1, lon1, lat2, lon2 = (
        math.radians(degrees_e6 / 1e6)
        for degrees_e6 in (one.latitude_e6, one.longitude_e6, other.latitude_e6, other.longitude_e6)
    )
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_KM * math.asin(math.sqrt(half)))
