"""Slot chains on one time axis: each in whole per cent, for the page's classes. Pure but for the reader's zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from custody.scheduling.itineraries import HeldChain
from custody.scheduling.moves import KnockOn
from custody.scheduling.plan import Effect, Offer, PlannedSlot
from portal.templatetags.np_times import duration

ICONS = {
    "apheresis": "droplet",
    "pickup": "truck",
    "manufacturing": "flask",
    "testing": "microscope",
    "release_review": "certificate",
    "return": "truck-return",
    "bed": "bed",
}
SHOWN_ON_LINE = frozenset({"apheresis", "manufacturing", "testing", "return", "bed"})
NARROWEST = 3
PARTS, ROOM_AFTER_DAYS = 6, 4
EFFECT_ICONS = {
    "hold": "clock-hour-4",
    "gate": "lock",
    "release": "certificate",
    "infusion": "calendar-event",
    "move": "arrows-exchange",
}


@dataclass(frozen=True, slots=True)
class Axis:
    """The page's one time axis in six equal parts of a week or more, as the sheet's background draws them."""

    start: datetime
    end: datetime
    ticks: tuple[tuple[int, datetime], ...]

    def at(self, moment: datetime) -> int:
        """Where a moment lies, 0 to 100."""
        whole = (self.end - self.start).total_seconds() or 1
        return max(0, min(100, round((moment - self.start).total_seconds() / whole * 100)))


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A slot on the line."""

    icon: str
    at: int
    width: int
    word: str
    date: str
    pin: bool
    right: bool


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot in the table of the held chain."""

    icon: str
    slot: PlannedSlot
    to_next: str


@dataclass(frozen=True, slots=True)
class ChainView:
    """One offered chain as the page shows it."""

    offer: Offer
    why: str
    start: int
    end: int
    places: tuple[PlaceView, ...]
    slot_ids: str
    label: str
    rows: tuple[SlotRow, ...]
    effects: tuple[tuple[str, Effect], ...]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One link before and after a move."""

    icon: str
    title: str
    before: PlannedSlot | None
    after: PlannedSlot
    is_changed: bool
    moves: str


@dataclass(frozen=True, slots=True)
class MoveView:
    """What a move would change: its links, what it sets in motion, who hears of it."""

    rows: tuple[ChangeRow, ...]
    effects: tuple[tuple[str, Effect], ...]
    told: tuple[str, ...]
    infusion: str


@dataclass(frozen=True, slots=True)
class HeldView:
    """The chain that is held, and until when."""

    chain: ChainView
    expires_at: datetime


def axis(offers: Sequence[Offer], held: HeldChain | None) -> Axis | None:
    """The axis that all chains of the page share; None when there is no chain."""
    shown = [*offers, *([held.offer] if held else [])]
    if not shown:
        return None
    first = min(offer.slots[0].starts_at for offer in shown)
    start = timezone.localtime(first).replace(hour=0, minute=0) - timedelta(days=2)
    needed = (max(offer.slots[-1].starts_at for offer in shown) - start).days + ROOM_AFTER_DAYS
    part = max(7, -(-needed // PARTS))
    ticks = tuple((round(100 * n / PARTS), start + timedelta(days=part * n)) for n in range(PARTS))
    return Axis(start, start + timedelta(days=part * PARTS), ticks)


def offers(found: Sequence[Offer], held: HeldChain | None) -> list[ChainView]:
    """The chains that fit, but for the held one."""
    line = axis(found, held)
    if line is None:
        return []
    kept = held.offer.slot_ids if held else None
    return [chain(offer, line) for offer in found if offer.slot_ids != kept]


def held(chosen: HeldChain, found: Sequence[Offer]) -> HeldView:
    line = axis(found, chosen)
    assert line is not None, "a held chain is on the axis"
    return HeldView(chain(chosen.offer, line), chosen.expires_at)


def changes(found: KnockOn) -> MoveView:
    """The table of a move. What moves stands in the table, so only the other effects are listed."""
    return MoveView(
        rows=tuple(
            ChangeRow(
                ICONS[change.after.kind],
                change.title,
                change.before,
                change.after,
                change.is_changed,
                _moves(change.days) if change.is_changed else "stays",
            )
            for change in found.changes
        ),
        effects=tuple(
            (EFFECT_ICONS.get(effect.kind, "arrow-right"), effect) for effect in found.effects if effect.kind != "move"
        ),
        told=tuple(one.name for one in found.told),
        infusion=_moves(found.infusion_days),
    )


def infusion_moves(booked: Offer, offer: Offer) -> str:
    """By how many calendar days an offer's infusion lies before or after the one that is booked."""
    before, after = timezone.localtime(booked.infusion_at).date(), timezone.localtime(offer.infusion_at).date()
    return _moves((after - before).days)


def _moves(days: int) -> str:
    if not days:
        return "same day"
    return f"{abs(days)} day{'' if abs(days) == 1 else 's'} {'later' if days > 0 else 'earlier'}"


def chain(offer: Offer, line: Axis) -> ChainView:
    places = []
    for slot in offer.slots:
        if slot.kind not in SHOWN_ON_LINE:
            continue
        begins = line.at(slot.starts_at)
        long = slot.kind in {"manufacturing", "testing"}
        width = max(NARROWEST, line.at(slot.ends_at) - begins) if long else 0
        places.append(
            PlaceView(
                icon=ICONS[slot.kind],
                at=min(begins, 100 - width),
                width=width,
                word=_word(slot) if long else "",
                date=_date(slot),
                pin=not long,
                right=slot.kind == "apheresis",
            )
        )
    return ChainView(
        offer=offer,
        why=", ".join(offer.why),
        start=line.at(offer.slots[0].starts_at),
        end=line.at(offer.slots[-1].starts_at),
        places=tuple(places),
        slot_ids=",".join(str(slot) for slot in offer.slot_ids),
        label=_label(offer),
        rows=tuple(SlotRow(ICONS[slot.kind], slot, _to_next(slot)) for slot in offer.slots),
        effects=tuple((EFFECT_ICONS.get(effect.kind, "arrow-right"), effect) for effect in offer.effects),
    )


def _day(at: datetime) -> str:
    return timezone.localtime(at).strftime("%-d %b")


def _word(slot: PlannedSlot) -> str:
    days = max(1, round((slot.ends_at - slot.starts_at) / timedelta(days=1)))
    return f"Making, {days} days" if slot.kind == "manufacturing" else f"Tests, {days} days"


def _date(slot: PlannedSlot) -> str:
    """Under the line only what fits there: when cells are taken, who makes from when, and the bed."""
    if slot.kind == "manufacturing":
        return f"{_day(slot.starts_at)}, {slot.party_name}"
    return _day(slot.starts_at) if slot.kind in {"apheresis", "bed"} else ""


def _label(offer: Offer) -> str:
    told = [f"{slot.title} {_day(slot.starts_at)}" for slot in offer.slots if slot.kind in SHOWN_ON_LINE]
    return f"{', '.join(told)}, made by {offer.maker.name}, infusion {_day(offer.infusion_at)}"


def _to_next(slot: PlannedSlot) -> str:
    if slot.to_next_minutes is None:
        return ""
    if slot.to_next_minutes < 0:
        return f"{duration(-slot.to_next_minutes * 60)} too early"
    return duration(slot.to_next_minutes * 60) if slot.to_next_minutes else "at once"
