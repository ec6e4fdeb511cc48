"""Reading people and memberships."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from ledger.clock import stamp
from ledger.crypto import canonical
from ledger.parties.actor import Actor
from portal.accounts.models import Membership, User
from portal.accounts.roles import PERMISSIONS, ROLES

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
    person: UUID
    name: str
    email: str
    role: str
    role_code: str
    since: datetime
    is_self: bool
    seen_at: datetime | None
    """When they last signed in, or signed on a colleague's screen."""


def colleagues(*, by: Actor, at: datetime) -> tuple[Colleague, ...]:
    """The people of the actor's own organisation with their roles. Raises NotPermitted."""
    by.check("members.manage")
    rows = (
        Membership.objects.current(at).filter(party_id=by.party).select_related("user").order_by("user__name", "role")
    )
    return tuple(
        Colleague(
            membership=row.pk,
            person=row.user_id,
            name=row.user.name,
            email=row.user.email,
            role=row.as_role.name,
            role_code=row.role,
            since=row.since,
            is_self=row.user_id == by.person,
            seen_at=max(filter(None, (row.user.last_login, row.user.signed_at)), default=None),
        )
        for row in rows
    )


REVIEW_EVERY = timedelta(days=90)
"""How old a review of access may become before the page says that it is due."""


@dataclass(frozen=True, slots=True)
class PermissionLine:
    """One permission and who of the organisation holds it, by role."""

    words: str
    roles: tuple[str, ...]
    people: int


def digest_of(people: Iterable[Colleague]) -> str:
    """SHA-256 (hex) of the list that is reviewed: pseudonyms, roles and since when, in canonical JSON, no name."""
    rows = sorted([str(one.person), one.role_code, stamp(one.since)] for one in people)
    return hashlib.sha256(canonical.encode({"held": rows})).hexdigest()


def matrix(people: Collection[Colleague]) -> tuple[PermissionLine, ...]:
    """What these people may do together: each permission that anybody holds, with roles and how many people."""
    lines = []
    for code, words in PERMISSIONS.items():
        holders = [one for one in people if code in ROLES[one.role_code].permissions]
        if holders:
            roles = tuple(sorted({one.role for one in holders}))
            lines.append(PermissionLine(words, roles, len({one.person for one in holders})))
    return tuple(lines)


def review_due(last: datetime | None, at: datetime) -> str:
    """Why a review is due, in words; empty while none is."""
    if last is None:
        return "Nobody has reviewed who holds which role yet"
    days = (at - last).days
    return (
        f"The last review is {days} days old; once in {REVIEW_EVERY.days} days is usual"
        if at - last > REVIEW_EVERY
        else ""
    )


def names_of(people: Collection[UUID]) -> dict[UUID, str]:
    """The names of these people, by pseudonym."""
    return dict(User.objects.filter(pk__in=people).values_list("pk", "name"))
