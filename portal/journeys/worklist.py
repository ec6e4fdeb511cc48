"""Everything that the reader's role has to do now, page by page: what a dashboard shows the beginning of."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from custody.therapies import queries
from ledger.clock import now
from portal.accounts.actors import actor_of
from portal.dashboards import tasks as present
from portal.paging import page_of

SIZE = 50


def worklist(request: HttpRequest) -> HttpResponse:
    """Every step that waits for this role, soonest due first; what an exception holds comes last."""
    actor, at = actor_of(request), now()
    page = page_of(request, lambda limit, offset: queries.my_tasks(by=actor, limit=limit, offset=offset), size=SIZE)
    context = {
        "page": page,
        "tasks": [present.view(task, at) for task in page.rows],
        "count": queries.count_my_tasks(by=actor, with_held=True),
        "checked_at": at,
    }
    return render(request, "journeys/worklist.html", context)
