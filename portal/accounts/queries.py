"""Reading people and memberships."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.parties.actor import Actor
from portal.accounts.models import Membership, User

SESSION_KEY = "membership"


def memberships_of(*, user: User, at: datetime) -> list[Membership]:
    """What a person may act as at that moment, oldest first."""
    return list(Membership.objects.current(at).filter(user=user).select_related("party"))


def chosen_of(held: list[Membership], chosen: object) -> Membership | None:
    """The membership chosen in the session while it holds, else the oldest that holds."""
    return next((one for one in held if one.pk == chosen), held[0] if held else None)


@dataclass(frozen=True, slots=True)
class Colleague:
    """One membership of the actor's organisation, as its administrator sees it."""

    membership: int
    name: str
    email: str
    role: str
    since: datetime
    is_self: bool
    signed_in_at: datetime | None


def colleagues(*, by: Actor, at: datetime) -> tuple[Colleague, ...]:
    """The people of the actor's own organisation with their roles. Raises NotPermitted."""
    by.check("members.manage")
    rows = (
        Membership.objects.current(at).filter(party_id=by.party).select_related("user").order_by("user__name", "role")
    )
    return tuple(
        Colleague(
            membership=row.pk,
            name=row.user.name,
            email=row.user.email,
            role=row.as_role.name,
            since=row.since,
            is_self=row.user_id == by.person,
            signed_in_at=row.user.last_login,
        )
        for row in rows
    )
