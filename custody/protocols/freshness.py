"""How long cells that travel fresh keep: from the end of their collection, wherever they are meanwhile. Pure.

A container keeps what is in it from the moment it is packed; the cells in it grow older from the moment they left the
patient. What is planned, shown on the road and judged at the maker's door counts from there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from custody.protocols.parts import Leg, Protocol


def fresh_for(protocol: Protocol, leg: Leg) -> timedelta | None:
    """How long after the end of the collection the cells have to be received on this leg; None where they are frozen.

    What the leg's container keeps, and no longer than the age that the protocol allows at receipt.
    """
    if protocol.starting_material != "fresh" or (leg.origin, leg.destination) != ("centre", "maker"):
        return None
    return timedelta(hours=float(min([Decimal(leg.hold_max_hours), *_ages(protocol, leg)])))


def keeps_until(protocol: Protocol, leg: Leg, *, packed_at: datetime, collected_at: datetime | None) -> datetime:
    """Until when a packed shipment is good: its container's hours, and for fresh cells those since the collection."""
    container = packed_at + timedelta(hours=leg.hold_max_hours)
    fresh = fresh_for(protocol, leg)
    return container if fresh is None or collected_at is None else min(container, collected_at + fresh)


def _ages(protocol: Protocol, leg: Leg) -> list[Decimal]:
    """The highest ages in hours that are allowed where this leg is judged, counted from the collection."""
    collection = protocol.step_of_kind("collection")
    return [
        field.high
        for step in protocol.steps
        if step.leg == leg.code and step.kind == "acceptance"
        for field in step.fields
        if field.reckoned is not None and collection is not None and field.reckoned.start == collection.code
        if field.high is not None and field.unit == "h"
    ]
