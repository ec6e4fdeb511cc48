"""Divergences: the list, one with its evidence, saying that one has seen it, and settling it."""

from __future__ import annotations

from io import BytesIO
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from custody.holds import queries as holds
from custody.therapies import disclosure
from ledger.clock import now
from ledger.divergence import archive, operations, queries
from ledger.divergence.doubt import FORKING
from ledger.errors import NotPermitted
from ledger.log import evidence
from ledger.log.logs import code_of
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.accounts.roles import ROLES
from portal.divergence import presenter
from portal.paging import page_of

SHOWN = 50


class EvidenceHoldsValues(NotPermitted):
    """The evidence holds a whole record, which payers and couriers do not see."""


class SettleForm(forms.Form):
    reason = forms.CharField(
        label="What was found, and how it was put right",
        min_length=operations.MIN_REASON,
        max_length=operations.MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Every member and the regulator read it. It cannot be taken back.",
    )


@require_safe
def bar(request: HttpRequest) -> HttpResponse:
    """The red bar alone, for a page that is open already."""
    return render(request, "divergence/bar.html")


@require_safe
def divergences(request: HttpRequest) -> HttpResponse:
    """All that were ever reported, open ones first."""
    page = page_of(request, lambda limit, offset: queries.divergences(limit=limit, offset=offset), size=SHOWN)
    rows = [
        {"one": one, "title": presenter.title(one), "place": presenter.place(one), "by": one.reporters}
        for one in page.rows
    ]
    alarm = queries.alarm()
    context = {"rows": rows, "page": page, "open_count": alarm.count if alarm else 0, "names": party_names()}
    return render(request, "divergence/list.html", context | {"checked_at": now()})


@require_safe
def divergence(request: HttpRequest, divergence: UUID) -> HttpResponse:
    """One divergence."""
    return _page(request, divergence, SettleForm())


@require_POST
def acknowledge(request: HttpRequest, divergence: UUID) -> HttpResponse:
    """Say that the actor's organisation has seen it."""
    operations.acknowledge(divergence=divergence, by=actor_of(request), at=now())
    messages.success(request, "It is noted that your organisation has seen this.")
    return redirect("divergence", divergence)


@require_POST
def settle(request: HttpRequest, divergence: UUID) -> HttpResponse:
    """Settle it, with a reason."""
    form = SettleForm(request.POST)
    if not form.is_valid():
        return _page(request, divergence, form, status=422)
    try:
        operations.settle(divergence=divergence, reason=form.cleaned_data["reason"], by=actor_of(request), at=now())
    except operations.ReasonMissing as refusal:
        form.add_error("reason", refusal.message)
        return _page(request, divergence, form, status=refusal.status)
    messages.success(request, "This divergence is settled. Everybody can read your reason.")
    return redirect("divergence", divergence)


@require_safe
def evidence_file(request: HttpRequest, divergence: UUID) -> HttpResponse:
    """The signed report of one witness, the first unless `witness` names another, with all its evidence."""
    queries.divergence_named(divergence)
    found = queries.reports_of(divergence)
    asked = request.GET.get("witness", "")
    vkey, report = next((pair for pair in found if pair[1].finding.witness == asked), found[0])
    if archive.holds_entries(report) and not disclosure.sees_values(actor_of(request)):
        raise EvidenceHoldsValues(
            "This evidence holds a whole record with values of a step, which payers and couriers do not see. "
            "Your organisation's own witness keeps it, and the regulator can check it for you."
        )
    file = BytesIO()
    archive.write(file, report, vkey=vkey)
    headers = {
        "Content-Disposition": f'attachment; filename="divergence-{divergence}.zip"',
        "Cache-Control": "no-store",
    }
    return HttpResponse(file.getvalue(), content_type="application/zip", headers=headers)


def _page(request: HttpRequest, divergence: UUID, form: SettleForm, *, status: int = 200) -> HttpResponse:
    actor, one = actor_of(request), queries.divergence_named(divergence)
    found = queries.reports_of(divergence)
    context = {
        "one": one,
        "before": queries.divergence_named(one.reopens) if one.reopens else None,
        "held_count": holds.count_held(by=actor) if one.kind in FORKING else 0,
        "title": presenter.title(one),
        "place": presenter.place(one),
        "meaning": presenter.MEANINGS[one.kind],
        "actions": presenter.actions(one),
        "names": party_names(),
        "roles": {code: role.name for code, role in ROLES.items()},
        "pieces": [(name, len(data)) for name, data in sorted(found[0][1].evidence.items())] if found else [],
        "may_see_evidence": bool(found)
        and (disclosure.sees_values(actor) or not any(archive.holds_entries(report) for _, report in found)),
        "may_acknowledge": one.open
        and actor.may("divergence.acknowledge")
        and all(seen.person != actor.person for seen in one.seen),
        "may_settle": one.open and actor.may("divergence.resolve"),
        "form": form,
        "log_key": evidence.log_key(log=code_of(settings.LOG_ORIGIN, one.log) or ""),
        "checked_at": now(),
    }
    return render(request, "divergence/divergence.html", context, status=status)
