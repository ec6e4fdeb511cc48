"""How a chain stands against each limit: what it uses, what is allowed, and what is left. Pure.

Hold and vein to vein are the protocol's own limits; the gate and the spare days are where a chain that is within them
may still fail the patient, so they are said beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from custody.scheduling import wording
from custody.scheduling.plan import Limit, PlannedSlot, Requirements

NARROW_PART = 10
"""A limit of which less than one part in so many is left is narrow."""


def limits_of(
    needs: Requirements, planned: Sequence[PlannedSlot], *, hold: int, slack: int, at: datetime, zone: str
) -> tuple[Limit, ...]:
    """Each limit of a chain, in the order in which a coordinator asks: begun, hold, vein to vein, gate, spare days."""
    first, last, following = planned[0], planned[-1], planned[min(needs.begun, len(planned) - 1)]
    found = []
    if following.starts_at < at and needs.begun < len(planned):
        began = wording.when(following.starts_at, zone)
        title = "Next slot" if needs.begun else "First slot"
        found.append(Limit("begun", title, "stop", f"{following.title} was to begin on {began}, which is past."))
    if needs.hold_max_minutes is not None:
        if 0 < needs.begun <= needs.making and planned[needs.making].starts_at < at:
            # What was to use the cells by now has not begun: they wait since the collection, whatever is booked.
            hold = max(hold, int((at - first.ends_at).total_seconds()) // 60)
        found.append(_of_allowed("hold", "Fresh hold", hold, needs.hold_max_minutes))
    vein = int((last.starts_at - first.starts_at).total_seconds()) // 60 + needs.infusion_offset_minutes
    found.append(_of_allowed("vein_to_vein", "Vein to vein", vein, needs.vein_to_vein_max_minutes))
    if needs.gate_offset_minutes is not None and len(planned) > 1:
        found.append(_gate(needs, planned, zone))
    found.append(_spare(slack))
    return tuple(found)


def _of_allowed(code: str, title: str, used: int, allowed: int) -> Limit:
    if used < 0:
        return Limit(code, title, "stop", f"What follows is booked {wording.span(-used)} before it can begin.")
    if used > allowed:
        over = f"{wording.span(used)}, {wording.span(allowed)} allowed"
        return Limit(code, title, "stop", f"{over}: {wording.span(used - allowed)} too long.")
    left = allowed - used
    narrow = left * NARROW_PART < allowed
    return Limit(
        code,
        title,
        "due" if narrow else "ok",
        f"{wording.span(used)} of {wording.span(allowed)}, {wording.span(left)} to spare.",
    )


def _gate(needs: Requirements, planned: Sequence[PlannedSlot], zone: str) -> Limit:
    """The patient is prepared only once the product is here: the return has to end before the gate is due."""
    assert needs.gate_offset_minutes is not None
    due = planned[-1].starts_at + timedelta(minutes=needs.gate_offset_minutes)
    left = int((due - planned[-2].ends_at).total_seconds()) // 60
    day = wording.day(due, zone)
    if left < 0:
        late = f"{day}; the product is planned here {wording.span(-left)} after it, so the infusion would wait."
        return Limit("gate", needs.gate_title, "due", late)
    return Limit("gate", needs.gate_title, "ok", f"{day}, {wording.span(left)} after the product is planned here.")


def _spare(slack: int) -> Limit:
    days = slack // 1440
    if days < wording.NARROW_DAYS:
        few = {0: "No spare day", 1: "One spare day"}.get(days, f"{days} spare days")
        return Limit("spare", "Spare days", "due", f"{few} for a late release test.")
    return Limit("spare", "Spare days", "ok", f"{days} for a late release test.")
