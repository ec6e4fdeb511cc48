"""A therapy on its way to the maker, with its logger, made by the operations that make it anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from custody.protocols.document import Leg
from custody.telemetry.shipments import known_leg
from custody.transport.models import Handoff, Shipment
from ledger.log.models import Chain
from ledger.parties.actor import Actor
from portal.demonstration import consortium, slots, telling
from portal.demonstration.consortium import Cast
from portal.demonstration.story import Story
from portal.demonstration.walker import Walker

ORDERED_AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NEVER = ORDERED_AT + timedelta(days=200)


@dataclass
class Journey:
    """A therapy whose outbound leg is packed, or received."""

    cast: Cast
    therapy: UUID

    @property
    def shipment(self) -> Shipment:
        return Shipment.objects.get(therapy_id=self.therapy, leg="outbound")

    @property
    def leg(self) -> Leg:
        return known_leg(self.therapy, "outbound")

    @property
    def chain(self) -> Chain:
        return Chain.objects.get(kind="therapy", subject=self.therapy)

    def actor(self, capacity: str, *roles: str) -> Actor:
        """Somebody of the party that takes part in this capacity."""
        return self.cast.actor(UUID(self.chain.state["parties"][capacity]), *roles)

    def stranger(self, kind: str, *roles: str) -> Actor:
        """Somebody of an organisation of this kind that takes no part."""
        parts = set(self.chain.state["parties"].values())
        party = next(party for party in self.cast.of_kind(kind) if str(party.id) not in parts)
        return self.cast.actor(party.id, *roles)

    def receive(self) -> datetime:
        """Let the maker take the cells over; the readings are not committed. Returns the time of receipt."""
        walker = _Carrier(self.cast, self.therapy, until=NEVER, seed=1, story=Story("received"))
        while Shipment.objects.filter(therapy_id=self.therapy, received_at=None).exists():
            assert walker._next()
        received_at = self.shipment.received_at
        assert received_at is not None
        return received_at


class _Carrier(Walker):
    """Walks without the logger: the tests bring their own readings."""

    def _commit_readings(self, leg: str, by: Actor, received_at: datetime) -> None:
        return


@pytest.fixture
def under_way(db: None, monkeypatch: pytest.MonkeyPatch) -> Journey:
    """A fresh CD19 therapy whose outbound shipment is packed and not yet received."""
    monkeypatch.setattr(consortium, "LOGGERS_A_COURIER", 1)
    cast = consortium.found(at=ORDERED_AT, tell=lambda line: None)
    slots.publish_all(cast, first=ORDERED_AT, days=50, at=ORDERED_AT)
    therapy = telling.order(cast, centre=cast.parties["X0042"], protocol_code="cd19-fresh", number=1, at=ORDERED_AT)
    walker = _Carrier(cast, therapy, until=NEVER, seed=1, story=Story("packed"))
    while not Handoff.objects.filter(therapy_id=therapy, status="accepted").exists():
        assert walker._next(), "the story ended before the courier took over"
    return Journey(cast, therapy)
