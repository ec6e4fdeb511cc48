"""Puts the `Actor` on each request and shows times in the zone of the actor's site."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from zoneinfo import ZoneInfo

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ledger.clock import now
from portal.accounts import queries
from portal.accounts.actors import actor_for, method_of


class ActorMiddleware:
    """Sets `request.actor` (None for strangers), `.membership`, `.memberships` (all that hold) and `.party_name`.

    It asks the database only for those who carry a session, so public addresses cost nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = request.membership = None  # type: ignore[attr-defined]
        request.memberships = ()  # type: ignore[attr-defined]
        request.party_name = ""  # type: ignore[attr-defined]
        with ExitStack() as stack:
            user = request.user
            if user.is_authenticated:
                held = queries.memberships_of(user=user, at=now())  # type: ignore[arg-type]
                membership = queries.chosen_of(held, request.session.get(queries.SESSION_KEY))
                request.memberships = tuple(held)  # type: ignore[attr-defined]
                if membership is not None:
                    method = method_of(get_authentication_records(request, user))
                    request.membership = membership  # type: ignore[attr-defined]
                    request.actor = actor_for(user, membership, method)  # type: ignore[attr-defined]
                    request.party_name = membership.party.name  # type: ignore[attr-defined]
                    stack.enter_context(timezone.override(ZoneInfo(membership.party.time_zone)))
            return self.get_response(request)
