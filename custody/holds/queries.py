"""Reading holds: of one therapy, and which therapies of an organisation are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.contract import holds
from custody.therapies.queries import TherapyLine, line_for, visible
from ledger.clock import parse_stamp
from ledger.parties.actor import Actor


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a therapy waits and what frees it. `divergences` are sorted, as a signer has to have seen them.

    `missing` are the capacities whose agreement is still wanted; `may_agree` and `may_break` are about the actor.
    """

    divergences: tuple[str, ...]
    agreed: int
    since: datetime
    agreements: tuple[tuple[UUID, datetime], ...]
    missing: tuple[str, ...]
    physician: bool
    qualified_person: bool
    may_agree: bool
    may_break: bool


def hold_of(state: Mapping[str, Any], by: Actor) -> Hold | None:
    """The hold in a therapy's state, as it concerns this actor; None when the therapy is free."""
    found = holds.hold_of(dict(state))
    if found is None:
        return None
    parties = state["parties"]
    own = {capacity for capacity, party in parties.items() if party == str(by.party)}
    missing = tuple(one for one in holds.needed(dict(state)) if one not in found["agreed"])
    roles = {role for one in own & set(missing) for role in holds.AGREEING_ROLES[one]}
    breaks = {one for one in own if holds.BREAKING_ROLES.get(one) == by.role and one not in found["broken"]}
    return Hold(
        divergences=tuple(sorted(found["divergences"])),
        agreed=min(found["divergences"].values()),
        since=parse_stamp(found["since"]),
        agreements=tuple((UUID(parties[one]), parse_stamp(at)) for one, at in found["agreed"].items()),
        missing=missing,
        physician="centre" in found["broken"],
        qualified_person="maker" in found["broken"],
        may_agree=by.may("hold.agree") and by.role in roles,
        may_break=by.may("hold.break") and "maker" in parties and bool(breaks),
    )


def held_therapies(*, by: Actor, limit: int, offset: int = 0) -> list[TherapyLine]:
    """Therapies that this actor may see and that are held, the longest first."""
    rows = visible(by).filter(held_since__isnull=False).order_by("held_since", "id")
    return [line_for(row, by) for row in rows[offset : offset + limit]]


def count_held(*, by: Actor) -> int:
    """How many therapies that this actor may see are held."""
    return visible(by).filter(held_since__isnull=False).count()
