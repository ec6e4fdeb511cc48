"""Who is behind an open socket now: asked again for every batch of frames, and every few seconds besides.

A socket stays open for hours, and meanwhile a person may sign out, lose the session or leave the organisation. The
rules are those of the pages (`IdleLockMiddleware`, `ActorMiddleware`, `AccessMiddleware`), for many sockets at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from ledger.parties.actor import Actor
from portal.accounts import idle, queries
from portal.accounts.actors import actor_for, method_of
from portal.accounts.models import Membership, User
from portal.accounts.roles import ROLES


@dataclass(frozen=True, slots=True)
class Ticket:
    """A socket's claim: this user, by this session. Its session key is a secret and not shown."""

    user: str
    session: str

    def __repr__(self) -> str:
        return f"Ticket({self.user})"


def actors_behind(tickets: Collection[Ticket], *, at: datetime) -> dict[Ticket, Actor]:
    """The actor of each ticket that still holds, in three queries; one that does not is not in the answer."""
    sessions = {
        row.session_key: row.get_decoded()
        for row in Session.objects.filter(session_key__in={ticket.session for ticket in tickets}, expire_date__gt=at)
    }
    users = {str(user.pk): user for user in User.objects.filter(pk__in={t.user for t in tickets}, is_active=True)}
    held: dict[str, list[Membership]] = {}
    for membership in Membership.objects.current(at).filter(user__in=users).select_related("party"):
        held.setdefault(str(membership.user_id), []).append(membership)
    found: dict[Ticket, Actor] = {}
    for ticket in tickets:
        session, user = sessions.get(ticket.session), users.get(ticket.user)
        if session is None or user is None or not _is_session_of(session, user) or _is_idle(session, at):
            continue
        actor = _actor(session, user, held.get(ticket.user, []))
        if actor is not None:
            found[ticket] = actor
    return found


def _actor(session: Mapping[str, Any], user: User, held: list[Membership]) -> Actor | None:
    chosen = session.get(queries.SESSION_KEY)
    membership = next((one for one in held if one.pk == chosen), held[0] if held else None)
    if membership is None:
        return None
    actor = actor_for(user, membership, method_of(session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])))
    if settings.SECOND_FACTOR_TO_SIGN and ROLES[actor.role].signs and actor.method in {"password", "sign-on"}:
        return None
    return actor


def _is_session_of(session: Mapping[str, Any], user: User) -> bool:
    # The hash changes with the password, so a new password ends the sockets of the old one.
    return session.get(SESSION_KEY) == str(user.pk) and constant_time_compare(
        session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
    )


def _is_idle(session: Mapping[str, Any], at: datetime) -> bool:
    last = session.get(idle.SESSION_KEY)
    return last is not None and at.timestamp() - last > settings.SESSION_IDLE_SECONDS
