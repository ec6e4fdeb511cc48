"""Therapies for tests: walked by the demonstration's walker, that is by the real operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from custody.therapies.queries import protocol_by_digest
from ledger.log.models import Chain
from ledger.parties.actor import Actor
from portal.demonstration import consortium, slots, telling
from portal.demonstration.consortium import Cast
from portal.demonstration.story import Story
from portal.demonstration.walker import Walker
from tests.factories import kept

ORDERED_AT = datetime(2026, 8, 3, 8, 0, tzinfo=UTC)
LATER = ORDERED_AT + timedelta(days=400)


def small_consortium(*, days: int = 110, loggers: int = 2) -> Cast:
    """The demonstration's members with so many loggers a courier, and slots for `days` days from ORDERED_AT."""
    return kept.from_the_start(("small_consortium", days, loggers), lambda: _found(days, loggers))


def _found(days: int, loggers: int) -> Cast:
    before, consortium.LOGGERS_A_COURIER = consortium.LOGGERS_A_COURIER, loggers
    try:
        cast = consortium.found(at=ORDERED_AT, tell=lambda line: None)
    finally:
        consortium.LOGGERS_A_COURIER = before
    slots.publish_all(cast, first=ORDERED_AT, days=days, at=ORDERED_AT)
    return cast


@dataclass
class Told:
    """A therapy and everybody who takes part in it."""

    cast: Cast
    therapy: UUID
    walker: Walker
    keys: int = field(default=0)

    @property
    def chain(self) -> Chain:
        return Chain.objects.get(kind="therapy", subject=self.therapy)

    @property
    def state(self) -> dict[str, Any]:
        return self.chain.state

    @property
    def now(self) -> datetime:
        """A little after the last record."""
        last = self.chain.records.order_by("-recorded_at").values_list("recorded_at", flat=True).first()
        assert last is not None
        return last + timedelta(minutes=30)

    def actor(self, capacity: str, *roles: str, other_than: UUID | None = None) -> Actor:
        """Somebody of the party that takes part in this capacity."""
        return self.cast.actor(UUID(self.state["parties"][capacity]), *roles, other_than=other_than)

    def key(self) -> str:
        """A fresh idempotency key."""
        self.keys += 1
        return f"test-key-{self.keys:04d}"

    def values(self, step: str) -> dict[str, str]:
        """Values in limits for a step of the protocol."""
        known = protocol_by_digest(self.state["protocol"]).step(step)
        assert known is not None
        return self.walker._values(known)

    def scans(self, step: str, values: Mapping[str, str] | None = None) -> dict[str, str]:
        """What is scanned for a step of the protocol: the right items of this therapy."""
        known = protocol_by_digest(self.state["protocol"]).step(step)
        assert known is not None
        return self.walker._scans(known, self.chain, values)

    def on_to(self, step: str) -> Told:
        """Walk on until this step is next."""
        self.walker.story = Story("on", stop_before=step)
        self.walker.run()
        return self


def told(
    cast: Cast, story: Story | None = None, *, protocol: str = "cd19-fresh", centre: str = "X0042", number: int = 1
) -> Told:
    """Order a therapy and walk it as its story says."""
    story = story or Story("as planned")
    known = ("told", repr(story), protocol, centre, number)
    one = kept.going_on(known, lambda: _told(cast, story, protocol, centre, number))
    one.cast = one.walker.cast = cast
    return one


def _told(cast: Cast, story: Story, protocol: str, centre: str, number: int) -> Told:
    therapy = telling.order(
        cast,
        centre=cast.parties[centre],
        protocol_code=protocol,
        number=number,
        at=ORDERED_AT + timedelta(hours=number),
    )
    walker = Walker(cast, therapy, until=LATER, seed=number, story=story)
    walker.run()
    return Told(cast, therapy, walker)
