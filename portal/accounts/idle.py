"""The inactivity lock: a session without an act for half an hour is ended (setting, seconds).

An act is a page opened or something sent. A screen that refetches itself because something changed elsewhere is not:
a live dashboard on an unattended ward computer would else never lock.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from ledger.clock import now

SESSION_KEY = "last_act"
WRITE_EVERY_SECONDS = 60


class IdleLockMiddleware:
    """Signs out who did nothing for `SESSION_IDLE_SECONDS`. Stands after the authentication middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            moment = int(now().timestamp())
            last = request.session.get(SESSION_KEY, moment)
            if moment - last > settings.SESSION_IDLE_SECONDS:
                logout(request)
                minutes = settings.SESSION_IDLE_SECONDS // 60
                messages.warning(request, f"You were signed out after {minutes} minutes without an act.")
            elif is_act(request) and (SESSION_KEY not in request.session or moment - last >= WRITE_EVERY_SECONDS):
                request.session[SESSION_KEY] = moment
        return self.get_response(request)


def is_act(request: HttpRequest) -> bool:
    """Whether a person did this, and not a screen that keeps itself up to date."""
    return (
        request.method not in {"GET", "HEAD"} or "HX-Request" not in request.headers or "HX-Boosted" in request.headers
    )
