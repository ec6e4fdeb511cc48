"""The audit trail on a screen, one entry opened, and the export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from custody.therapies.models import Therapy
from ledger.clock import now
from ledger.parties.queries import parties, party_names
from portal.accounts.actors import actor_of
from portal.accounts.roles import ROLES
from portal.audit import queries, spreadsheet
from portal.audit.operations import write_down
from portal.audit.queries import AuditLine, Search
from portal.oversight.presenter import tabs_for
from portal.paging import page_of

SHOWN = 50
EXPORTED = 20_000
"""Entries in one file; a longer trail is exported a time at a time."""


@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """Who did what, when and why; the newest first."""
    actor = actor_of(request)
    search, given, unknown = _search(request.GET)

    def fetch(limit: int, offset: int) -> list[AuditLine]:
        return [] if unknown else queries.trail(by=actor, search=search, limit=limit, offset=offset)

    page = page_of(request, fetch, size=SHOWN)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "tabs": tabs_for(actor),
        "page": page,
        "lines": page.rows,
        "given": given,
        "unknown": unknown,
        "kinds": queries.KINDS,
        "members": parties() if actor.party_kind == "regulator" else [],
        "names": party_names(),
        "roles": {code: role.name for code, role in ROLES.items()},
        "narrowed": any(given.values()),
        "query": query.urlencode(),
        "exported": EXPORTED,
        "checked_at": now(),
    }
    return render(request, "audit/trail.html", context)


@require_safe
def entry(request: HttpRequest, record: UUID) -> HttpResponse:
    """One record: as it verifies, the values before and after it, and what was entered."""
    actor = actor_of(request)
    found = queries.detail(record=record, by=actor)
    context = {
        "found": found,
        "line": found.line,
        "names": party_names(),
        "may_follow": actor.may("therapy.read"),
        "checked_at": now(),
    }
    return render(request, "audit/entry.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The entries that are asked for as CSV. That they were exported is an entry itself."""
    actor, at = actor_of(request), now()
    search, given, unknown = _search(request.GET)
    lines = [] if unknown else list(queries.every(by=actor, search=search, most=EXPORTED))
    text = spreadsheet.text_of(lines, party_names())
    with transaction.atomic():
        asked = ", ".join(f"{name}: {value}" for name, value in given.items() if value) or "everything"
        write_down("audit.exported", subject=asked, by=actor, at=at, after={"entries": str(len(lines))})
    headers = {
        "Content-Disposition": f'attachment; filename="audit-trail-{at:%Y%m%d-%H%M}.csv"',
        "Cache-Control": "no-store",
    }
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


def _search(query: Mapping[str, str]) -> tuple[Search, dict[str, str], str]:
    """What is asked for, its words as given, and a sentence where nothing can be found by them."""
    given = {
        name: query.get(name, "").strip()[:100] for name in ("who", "what", "kind", "party", "about", "since", "until")
    }
    unknown = ""
    therapy = None
    if given["about"]:
        therapy = _therapy(given["about"])
        unknown = (
            "" if therapy else f"No therapy is called “{given['about']}”. Give a call name, or a chain of identity."
        )
    days = {}
    for name in ("since", "until"):
        try:
            days[name] = datetime.fromisoformat(given[name]).replace(tzinfo=UTC) if given[name] else None
        except ValueError:
            days[name], unknown = None, f"“{given[name]}” is no day. Write one such as 2026-11-01."
    until = days["until"] + timedelta(days=1) if days["until"] and len(given["until"]) <= 10 else days["until"]
    search = Search(
        who=given["who"],
        what=given["what"],
        kind=given["kind"] if given["kind"] in queries.KINDS else "",
        party=_uuid(given["party"]),
        therapy=therapy,
        since=days["since"],
        until=until,
    )
    return search, given, unknown


def _therapy(text: str) -> UUID | None:
    """A therapy by its identifier, its chain of identity with or without spaces, or its call name."""
    rows: Any = Therapy.objects.filter(coi=text.replace(" ", "").upper()[:14])
    found = rows.values_list("pk", flat=True).first()
    found = found or Therapy.objects.filter(call_name__iexact=text).values_list("pk", flat=True).first()
    return found or _uuid(text)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
