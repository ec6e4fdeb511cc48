"""What a search for whole slot chains works on and what it gives. Plain values, no Django; times are aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from custody.protocols.document import Protocol, SlotSpec, Step
from custody.protocols.freshness import fresh_for


class FreeSlot(NamedTuple):
    """A published slot with at least one free place. A tuple, since a search reads ten thousand of them."""

    id: UUID
    party: UUID
    kind: str
    resource: str
    starts_at: datetime
    ends_at: datetime
    free: int


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation as the search knows it; `km` is the distance from the centre as the crow flies, if known."""

    id: UUID
    name: str
    kind: str
    km: int | None = None


class Sort(StrEnum):
    """What the person cares for most."""

    SOONEST = "soonest"
    NEAREST = "nearest"
    SLACK = "slack"
    SHORTEST = "shortest"


@dataclass(frozen=True, slots=True)
class Criteria:
    """What the person asks for. The collection begins at or after `earliest`, within the patient's fitness window."""

    earliest: datetime
    fit_from: datetime | None = None
    fit_until: datetime | None = None
    maker: UUID | None = None
    sort: Sort = Sort.SOONEST
    limit: int = 3

    @property
    def collect_from(self) -> datetime:
        return max(self.earliest, self.fit_from) if self.fit_from else self.earliest


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a protocol asks of a chain. Minutes throughout.

    `hold_max_minutes` bounds the time from the end of the collection to the start of making, None when the starting
    material keeps; `vein_to_vein_max_minutes` that from the start of the first slot to the infusion, which is
    `infusion_offset_minutes` after the start of the last. The first `begun` links are under way or over, and stay.
    """

    specs: tuple[SlotSpec, ...]
    hold_max_minutes: int | None
    vein_to_vein_max_minutes: int
    infusion_offset_minutes: int = 0
    gate_offset_minutes: int | None = None
    gate_title: str = ""
    begun: int = 0

    @property
    def starts_apart_max_minutes(self) -> int:
        """The most time from the start of the first slot to the start of the last."""
        return self.vein_to_vein_max_minutes - self.infusion_offset_minutes

    @property
    def making(self) -> int:
        """The place of the making in the chain; of the last slot when nothing is made."""
        kinds = [spec.kind for spec in self.specs]
        return kinds.index("manufacturing") if "manufacturing" in kinds else len(kinds) - 1

    def apart(self, kind: str) -> tuple[int, int]:
        """The least and the most minutes from the start of the first slot to the start of one of this kind."""
        least = most = 0
        found: list[tuple[int, int]] = []
        for before, spec in zip((None, *self.specs), self.specs, strict=False):
            if before is not None:
                least += before.minutes + spec.gap_min_minutes
                bound = before.minutes + spec.gap_max_minutes if spec.gap_max_minutes else self.vein_to_vein_max_minutes
                most = min(most + bound, self.vein_to_vein_max_minutes)
            if spec.kind == kind:
                found.append((least, most))
        return min(low for low, _ in found), max(high for _, high in found)

    @property
    def shortest_minutes(self) -> int:
        """The least time from the start of making to the start of the last slot."""
        later = self.specs[self.making + 1 :]
        earlier = self.specs[self.making : -1]
        return sum(spec.minutes for spec in earlier) + sum(spec.gap_min_minutes for spec in later)


def requirements_of(protocol: Protocol) -> Requirements:
    """Read a chain's requirements from a protocol.

    Fresh material may be held as long as `fresh_for` allows; where every gap up to the making is
    bounded, their sum bounds it too.
    """
    specs = protocol.slots
    making = Requirements(specs, None, 0).making
    bounds = []
    between = specs[1 : making + 1]
    if between and all(spec.gap_max_minutes for spec in between):
        bounds.append(sum(spec.gap_max_minutes for spec in between) + sum(spec.minutes for spec in specs[1:making]))
    leg = next((leg for leg in protocol.legs if leg.origin == "centre" and leg.destination == "maker"), None)
    fresh = fresh_for(protocol, leg) if leg is not None else None
    if fresh is not None:
        bounds.append(int(fresh.total_seconds() // 60))
    gate, infusion = _planned_by_last(protocol, "gate"), _planned_by_last(protocol, "infusion")
    return Requirements(
        specs=specs,
        hold_max_minutes=min(bounds) if bounds else None,
        vein_to_vein_max_minutes=protocol.vein_to_vein_max_days * 1440,
        infusion_offset_minutes=infusion.due.offset_minutes if infusion else 0,
        gate_offset_minutes=gate.due.offset_minutes if gate else None,
        gate_title=gate.title if gate else "",
    )


def _planned_by_last(protocol: Protocol, kind: str) -> Step | None:
    """The step of this kind, where the last slot's start says when it is due; else it moves with the work."""
    step = protocol.step_of_kind(kind)
    if step is None or step.due.slot != protocol.slots[-1].code or step.due.edge != "start":
        return None
    return step


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that a search knows: the free slots, the members, and who drives where.

    `transit` gives, for a maker, the couriers that serve it and the least minutes of their road. `begun` are the links
    that stay, from when they really began; `kept` who holds a capacity whatever is chosen.
    """

    requirements: Requirements
    centre: Member
    makers: Mapping[UUID, Member]
    couriers: Mapping[UUID, Member]
    transit: Mapping[UUID, Mapping[UUID, int]]
    slots: tuple[FreeSlot, ...]
    payer: Member | None = None
    time_zone: str = "UTC"
    begun: tuple[FreeSlot, ...] = ()
    kept: Mapping[str, UUID] = field(default_factory=dict)

    def road(self, maker: UUID, courier: UUID, spec: SlotSpec) -> int:
        """Least minutes from the end of a courier's slot to the next one. A return's slot is the journey itself."""
        minutes = self.transit.get(maker, {}).get(courier, 0)
        return max(0, minutes - spec.minutes) if spec.kind == "return" else minutes

    def name_of(self, party: UUID) -> str:
        for known in (self.makers, self.couriers):
            if party in known:
                return known[party].name
        return self.centre.name if party == self.centre.id else "another organisation"


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One slot of an offered chain; `to_next_minutes` from its end to the next one's start, None for the last."""

    code: str
    title: str
    kind: str
    slot: UUID
    party: UUID
    party_name: str
    resource: str
    starts_at: datetime
    ends_at: datetime
    to_next_minutes: int | None


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a choice sets in motion: a `kind` for the icon, the finding, and one sentence more."""

    kind: str
    finding: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit and how a chain stands to it: `ok`, `due` (narrow) or `stop` (not kept). The words give figures."""

    code: str
    title: str
    kind: Literal["ok", "due", "stop"]
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of it when a chain is confirmed, and of what."""

    party: UUID
    name: str
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A whole chain that fits, with the reasons for which it is offered."""

    why: tuple[str, ...]
    slots: tuple[PlannedSlot, ...]
    maker: Member
    collection_at: datetime
    infusion_at: datetime
    vein_to_vein_days: int
    hold_minutes: int
    hold_max_minutes: int | None
    slack_minutes: int
    effects: tuple[Effect, ...] = ()
    told: tuple[Told, ...] = ()
    limits: tuple[Limit, ...] = ()

    @property
    def slot_ids(self) -> tuple[UUID, ...]:
        """The ids to book, in the protocol's order."""
        return tuple(slot.slot for slot in self.slots)

    @property
    def hold_hours(self) -> int:
        """Whole hours, rounded up: a limit is never made to look further away than it is."""
        return -(-self.hold_minutes // 60)

    @property
    def hold_max_hours(self) -> int | None:
        return None if self.hold_max_minutes is None else self.hold_max_minutes // 60

    @property
    def slack_days(self) -> int:
        return self.slack_minutes // 1440


@dataclass(frozen=True, slots=True)
class Impasse:
    """Why the rest of a chain finds no dates. `says` is what bars it, in sentences that name the limit.

    `until` is until when the next place, `title` of the capacity `party`, could begin if somebody published it.
    `is_over`: no place that anybody publishes can help. `fresh_until` is until when making has to begin.
    """

    title: str
    party: str
    says: tuple[str, ...]
    until: datetime
    is_over: bool
    fresh_until: datetime | None
    fresh_over: bool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best chains, or the reason why there is none.

    `fitting` counts the making starts that a whole chain reaches, `outside` those that only a collection outside the
    fitness window would reach; `alternatives` are the best of these when nothing else fits. `impasse` says how a chain
    stands that has begun and whose rest finds no dates.
    """

    offers: tuple[Offer, ...]
    fitting: int
    outside: int
    reason: str
    alternatives: tuple[Offer, ...]
    checked_at: datetime
    slots_seen: int
    impasse: Impasse | None = None
