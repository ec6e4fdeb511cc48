"""Where a person is signed in: every session of theirs, and an end to each of them."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views import View

from portal import refusals

ALL_OTHERS = "others"


class SessionsView(View):
    """The list, and the end of one session or of all others. Its sockets are closed within seconds."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "people/sessions.html", {"sessions": _sessions(request)})

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("session", "")
        others = [one for one in _sessions(request) if not one.is_current()]
        ended = others if wanted == ALL_OTHERS else [one for one in others if str(one.pk) == wanted]
        if not ended and wanted != ALL_OTHERS:
            return refusals.answer(request, 404, "That session has ended already. Reload the page.")
        for one in ended:
            one.end()
        words = "session is" if len(ended) == 1 else "sessions are"
        messages.success(request, f"{len(ended)} {words} ended." if ended else "You are signed in nowhere else.")
        return redirect("usersessions_list")


def _sessions(request: HttpRequest) -> list[Any]:
    found = UserSession.objects.purge_and_list(request.user)  # type: ignore[arg-type]
    return sorted(found, key=lambda one: one.created_at, reverse=True)
