"""Times and effects in words that a coordinator can act on. Pure; local times in the centre's zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from custody.scheduling.plan import Effect, PlannedSlot, Requirements, Told

NARROW_DAYS = 2
"""With less than so many days to spare, a late release test moves the infusion."""


def when(moment: datetime, zone: str) -> str:
    """`Tue 1 Dec, 08:00` in the zone."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def day(moment: datetime, zone: str) -> str:
    """`Tue 1 Dec` in the zone."""
    return when(moment, zone).split(",")[0]


def days_between(start: datetime, end: datetime, zone: str) -> int:
    """Calendar days in the zone, as people count them."""
    here = ZoneInfo(zone)
    return (end.astimezone(here).date() - start.astimezone(here).date()).days


def span(minutes: int) -> str:
    """A time span: minutes under an hour, hours up to four days, then days. Never rounded over a limit."""
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 4 * 1440:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest}" if rest else f"{hours} h"
    days, rest = divmod(minutes, 1440)
    hours = -(-rest // 60)
    return f"{days} days {hours} h" if hours else f"{days} days"


def allowed_gap(least: int, most: int) -> str:
    """The gap that is allowed, as the end of a sentence."""
    if most:
        return f"{span(least)} to {span(most)} are allowed" if least else f"at most {span(most)} are allowed"
    return f"at least {span(least)} are needed"


def effects(
    needs: Requirements, planned: Sequence[PlannedSlot], *, hold: int, slack: int, zone: str
) -> tuple[Effect, ...]:
    """What choosing this chain sets in motion, in the order of the mock screen: hold, gate, release."""
    found = []
    if needs.hold_max_minutes is not None:
        spare = needs.hold_max_minutes - hold
        found.append(
            Effect(
                "hold",
                f"Hold {span(hold)} of {span(needs.hold_max_minutes)}.",
                f"{span(spare)} to spare if the road is closed.",
            )
        )
    if needs.gate_offset_minutes is not None:
        due = planned[-1].starts_at + timedelta(minutes=needs.gate_offset_minutes)
        locked = "It stays locked until the product is accepted here."
        found.append(Effect("gate", f"{needs.gate_title} on {day(due, zone)}.", locked))
    release = next((slot for slot in planned if slot.kind == "release_review"), None)
    if release is not None:
        spare_days = slack // 1440
        more = (
            "A late result would move the infusion."
            if spare_days < NARROW_DAYS
            else f"{spare_days} spare days between making and infusion take up a late result."
        )
        found.append(Effect("release", f"Release on {day(release.ends_at, zone)}.", more))
    return tuple(found)


def told(planned: Iterable[PlannedSlot], payer: tuple[UUID, str] | None = None) -> tuple[Told, ...]:
    """Every organisation with a slot in the chain, with the resources that it concerns, and the payer."""
    about: dict[UUID, tuple[str, list[str]]] = {}
    for slot in planned:
        _, resources = about.setdefault(slot.party, (slot.party_name, []))
        if slot.resource not in resources:
            resources.append(slot.resource)
    heard = [Told(party, name, tuple(resources)) for party, (name, resources) in about.items()]
    if payer is not None:
        heard.append(Told(payer[0], payer[1], ("dates only",)))
    return tuple(heard)
