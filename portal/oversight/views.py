"""Sites compared, inspections and what they open, and signed reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from custody.compliance import history
from custody.oversight import operations, packages, queries, rules
from custody.oversight.queries import InspectionLine, ReportLine
from custody.protocols.queries import protocols
from ledger.bundles.package import write as write_package
from ledger.clock import now
from ledger.parties.queries import parties, party_names
from ledger.parties.signing import signer_for
from manufacturing.batches import queries as batches
from portal.accounts.actors import actor_of
from portal.accounts.models import User
from portal.actions.base import ActionForm, ActionView, Done, fresh_key
from portal.audit.operations import write_down
from portal.batches.views import record_page
from portal.oversight import presenter
from portal.paging import page_of
from portal.presenters import site_figures

MONTHS = 6
SHOWN = 50


@require_safe
def sites(request: HttpRequest) -> HttpResponse:
    """Sites compared over the last months: the proven part, and kinds of exception, as figures with their tables."""
    actor, at, names = actor_of(request), now(), party_names()
    months = history.months_until(at, count=MONTHS)
    lines = history.sites_by_month(by=actor, months=months)
    context = {
        "shares": site_figures.shares(lines, months, names),
        "kinds": site_figures.kinds(lines, months, names),
        "checked_at": at,
    }
    return render(request, "oversight/sites.html", context)


@require_safe
def inspections(request: HttpRequest) -> HttpResponse:
    """Inspections by the authority, or of the reader's organisation; those that are open first."""
    actor, at = actor_of(request), now()
    opened = queries.open_now(by=actor, at=at)

    def fetch(limit: int, offset: int) -> list[InspectionLine]:
        return queries.inspections(by=actor, at=at, limit=limit, offset=offset)

    page = page_of(request, fetch, size=SHOWN)
    people = _people(page.rows)
    context = {
        "tabs": presenter.tabs_for(actor),
        "opened": [presenter.inspection(one, people) for one in opened],
        "earlier": [presenter.inspection(one, people) for one in page.rows if not one.is_open],
        "page": page,
        "names": party_names(),
        "may_open": actor.may(queries.PERMISSION),
        "checked_at": at,
    }
    return render(request, "oversight/inspections.html", context)


@require_safe
def inspection(request: HttpRequest, inspection: UUID) -> HttpResponse:
    """One inspection: what it looks at, until when, and (while it is open) what it opens."""
    actor, at = actor_of(request), now()
    found = queries.inspection(inspection=inspection, by=actor, at=at)
    makes = actor.may(queries.PERMISSION)
    site = next(one for one in parties() if one.id == found.site)
    context: dict[str, Any] = {
        "one": presenter.inspection(found, _people([found])),
        "makes": makes,
        "site": site,
        "names": party_names(),
        "form_key": fresh_key(),
        "checked_at": at,
        "count": queries.in_scope(found).count(),
        "most": packages.MOST,
    }
    if found.is_open and makes:
        page = page_of(
            request,
            lambda limit, offset: queries.therapies_of(found, by=actor, limit=limit, offset=offset),
            size=SHOWN,
        )
        context |= {"page": page, "therapies": page.rows, "opens_batches": site.kind == "manufacturer"}
    return render(request, "oversight/inspection.html", context)


@require_safe
def inspected_batch(request: HttpRequest, inspection: UUID, therapy: UUID) -> HttpResponse:
    """A batch record as the maker has it, to be read while the inspection is open; sealed values stay sealed."""
    actor, at = actor_of(request), now()
    found = queries.opened(inspection=inspection, by=actor, at=at)
    queries.check_in_scope(found, therapy=therapy, by=actor)
    record = batches.inspected_record(therapy=therapy, maker=found.site, by=actor)
    context = record_page(record) | {
        "printed_at": at,
        "one": presenter.inspection(found, _people([found])),
        "tasks": [],
        "inspected": True,
    }
    return render(request, "oversight/batch.html", context)


class OpenInspectionForm(ActionForm):
    """Of whom, of what, over which period, why, and until when."""

    site = forms.ChoiceField(label="Site", error_messages={"required": "Choose whom you inspect."})
    product = forms.ChoiceField(label="Product", required=False)
    since = forms.DateField(
        label="Records from",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "Say from which day.", "invalid": "Write a day such as 2026-11-01."},
    )
    until = forms.DateField(
        label="Records to",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="This day is looked at, too.",
        error_messages={"required": "Say up to which day.", "invalid": "Write a day such as 2026-11-30."},
    )
    reason = forms.ChoiceField(
        label="Why",
        choices=[("", "Choose"), *rules.REASONS.items()],
        help_text="The site reads it, and it stands on the ledger.",
        error_messages={"required": "Say why: the site can read it."},
    )
    reference = forms.RegexField(
        regex=re.compile(r"\A[A-Za-z0-9][A-Za-z0-9./-]{2,29}\Z"),
        label="File number",
        max_length=30,
        help_text="Yours. Letters, digits, full stops, slashes, hyphens; no name of a person.",
        error_messages={
            "required": "Give the file number of this inspection.",
            "invalid": "Write 3 to 30 letters, digits, full stops, slashes or hyphens.",
        },
    )
    hours = forms.TypedChoiceField(
        label="Open for",
        coerce=int,
        choices=[(4, "Four hours"), (8, "Eight hours"), (24, "A day"), (72, "Three days"), (168, "A week")],
        initial=8,
        help_text="It ends by itself. Nobody can prolong it; open another if you need to.",
        error_messages={"required": "Say for how long."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inspected = [one for one in parties() if one.kind in rules.SITE_KINDS]
        products = sorted({one.title for one in protocols()})
        self.fields["site"].choices = [("", "Choose"), *((str(one.id), one.name) for one in inspected)]  # type: ignore[attr-defined]
        self.fields["product"].choices = [("", "All products"), *((name, name) for name in products)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and until < since:
            self.add_error("until", "The last day comes before the first. Turn them round.")
        return given


class OpenInspectionView(ActionView):
    form_class = OpenInspectionForm
    template_name: ClassVar[str] = "oversight/open.html"

    def initial(self) -> Mapping[str, Any]:
        return {"since": (self.at - timedelta(days=30)).date(), "until": self.at.date(), "hours": 8}

    def act(self, form: ActionForm) -> Done:
        given = form.cleaned_data
        record = operations.open_inspection(
            site=UUID(given["site"]),
            product=given["product"],
            since=_midnight(given["since"]),
            until=_midnight(given["until"]) + timedelta(days=1),
            reason=given["reason"],
            reference=given["reference"].upper(),
            ends_at=self.at + timedelta(hours=given["hours"]),
            by=self.actor,
            at=self.at,
            key=form.key,
        )
        names = party_names()
        return Done(
            reverse("inspection", args=[record.chain.subject]),
            f"The inspection is open. {names[UUID(given['site'])]} sees it, and both sides see when it ends.",
        )


class CloseInspectionView(ActionView):
    """Ends an inspection before its time; a button, without a page of its own."""

    def act(self, form: ActionForm) -> Done:
        identifier = self.kwargs["inspection"]
        queries.opened(inspection=identifier, by=self.actor, at=self.at)
        operations.close_inspection(inspection=identifier, by=self.actor, at=self.at, key=form.key)
        return Done(reverse("inspection", args=[identifier]), "The inspection is closed.")


class PackageView(ActionView):
    """Writes the signed package of an inspection that is open, and gives it out."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._refused(form, 422)
        found = queries.opened(inspection=self.kwargs["inspection"], by=self.actor, at=self.at)
        package = packages.package_of(found, by=self.actor, at=self.at)
        file = BytesIO()
        write_package(file, package, signer=signer_for(self.actor.party).signer)
        write_down(
            "inspection.packaged",
            subject=found.reference,
            by=self.actor,
            at=self.at,
            after={"therapies": str(package.manifest["therapies"])},
        )
        name = f"inspection-{found.reference.replace('/', '-')}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return HttpResponse(file.getvalue(), content_type="application/zip", headers=headers)


@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """Signed monthly reports: the authority's of everybody, an organisation's its own."""
    actor, at = actor_of(request), now()
    month = request.GET.get("month", "")
    month = month if re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month) else ""

    def fetch(limit: int, offset: int) -> list[ReportLine]:
        return queries.reports(by=actor, month=month, limit=limit, offset=offset)

    page = page_of(request, fetch, size=SHOWN)
    context = {
        "tabs": presenter.tabs_for(actor),
        "page": page,
        "reports": [presenter.report(one) for one in page.rows],
        "names": party_names(),
        "month": month,
        "sees_all": actor.party_kind == "regulator",
        "next_at": presenter.next_report(at),
        "checked_at": at,
    }
    return render(request, "oversight/reports.html", context)


@require_safe
def report_file(request: HttpRequest, report: UUID, form: str) -> HttpResponse:
    """A report's file, checked against what its organisation signed."""
    if form not in {"json", "pdf"}:
        raise queries.ReportUnknown("A report has two forms: json and pdf.")
    line, content = queries.report_file(report=report, kind=form, by=actor_of(request))
    code = next((one.code for one in parties() if one.id == line.party), "report")
    headers = {
        "Content-Disposition": f'attachment; filename="report-{code}-{line.month}.{form}"',
        "Cache-Control": "no-store",
    }
    return HttpResponse(content, content_type=f"application/{form}", headers=headers)


def _midnight(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _people(lines: Any) -> dict[UUID, str]:
    return dict(User.objects.filter(pk__in={one.person for one in lines}).values_list("pk", "name"))
