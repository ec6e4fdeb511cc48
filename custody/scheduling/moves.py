"""What moving a chain changes, slot by slot, before it happens. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.scheduling import wording
from custody.scheduling.plan import Effect, Offer, PlannedSlot, Told


@dataclass(frozen=True, slots=True)
class SlotChange:
    """One link of the chain before and after. `days` is by how many calendar days its start moves."""

    code: str
    title: str
    before: PlannedSlot | None
    after: PlannedSlot
    days: int

    @property
    def is_changed(self) -> bool:
        return self.before is None or (self.before.slot, self.before.starts_at) != (
            self.after.slot,
            self.after.starts_at,
        )


@dataclass(frozen=True, slots=True)
class KnockOn:
    """Everything that a choice sets in motion, and who is told; `infusion_days` is by how much the infusion moves."""

    changes: tuple[SlotChange, ...]
    effects: tuple[Effect, ...]
    told: tuple[Told, ...]
    infusion_days: int
    offer: Offer

    @property
    def is_unchanged(self) -> bool:
        return not any(change.is_changed for change in self.changes)


def knock_on_of(before: Sequence[PlannedSlot], offer: Offer, *, zone: str) -> KnockOn:
    """Compare the chain that is booked (empty when none is) with an offered one."""
    booked = {slot.code: slot for slot in before}
    changes = tuple(_change(booked.get(slot.code), slot, zone) for slot in offer.slots)
    moved = [change for change in changes if change.before is not None and change.is_changed]
    effects = [_said(change, zone) for change in moved]
    infusion = changes[-1].days if before else 0
    if infusion:
        direction = "later" if infusion > 0 else "earlier"
        days = "day" if abs(infusion) == 1 else "days"
        effects.append(
            Effect("infusion", f"Infusion {abs(infusion)} {days} {direction}.", wording.when(offer.infusion_at, zone))
        )
    return KnockOn(
        changes=changes,
        effects=(*effects, *offer.effects),
        told=_told(before, offer, moved),
        infusion_days=infusion,
        offer=offer,
    )


def _change(before: PlannedSlot | None, after: PlannedSlot, zone: str) -> SlotChange:
    days = wording.days_between(before.starts_at, after.starts_at, zone) if before else 0
    return SlotChange(after.code, after.title, before, after, days)


def _said(change: SlotChange, zone: str) -> Effect:
    before, after = change.before, change.after
    assert before is not None, "only a link that was booked has moved"
    where = "" if (before.party, before.resource) == (after.party, after.resource) else f"{after.party_name}, "
    return Effect(
        "move",
        f"{change.title} moves.",
        f"From {before.party_name}, {before.resource}, {wording.when(before.starts_at, zone)} to "
        f"{where}{after.resource}, {wording.when(after.starts_at, zone)}.",
    )


def _told(before: Sequence[PlannedSlot], offer: Offer, moved: Sequence[SlotChange]) -> tuple[Told, ...]:
    """Those with a slot that changes, those who lose theirs, and the payer; everybody when nothing was booked."""
    if not before:
        return offer.told
    concerned = [change.after for change in moved] + [change.before for change in moved if change.before]
    parties = {slot.party for slot in offer.slots}
    heard = list(wording.told(concerned))
    heard += [told for told in offer.told if told.party not in parties and moved]
    return tuple(heard)
