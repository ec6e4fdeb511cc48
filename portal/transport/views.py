"""The road: one job with its live temperature, shipments, loggers, hand-overs on the way, and a logger's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from custody.exceptions import queries as exceptions
from custody.telemetry import queries as telemetry
from custody.telemetry.logger_files import MAX_BYTES
from custody.telemetry.operations import Upload, upload_logger_file
from custody.telemetry.problems import BadReadings, Problem
from custody.therapies import queries as therapies
from custody.transport import queries
from ledger.clock import now
from ledger.errors import BadInput
from ledger.parties.queries import party_names, party_places
from portal.accounts.actors import actor_of
from portal.actions.base import ActionForm, ActionView, Done, fresh_key
from portal.contacts.queries import duty_numbers, numbers_of_others
from portal.journeys.presenter import zone
from portal.transport import presenter
from portal.transport.holding import colleague_with, holders_of, may_keep, may_pass_on


def job(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """One shipment on its way: where to, how long it keeps, what its logger says now, and the next scan."""
    actor, at = actor_of(request), now()
    row = therapies.find_therapy(therapy=therapy, by=actor)
    line = queries.shipment_under_way(therapy=therapy, by=actor)
    names = party_names()
    people = holders_of([line])
    colleague = colleague_with(line, actor, people)
    tasks = [task for task in therapies.tasks_of(therapy=therapy, by=actor) if task.mine]
    state = telemetry.live_state(by=actor, therapy=therapy, at=at) if line else None
    context: dict[str, Any] = {
        "therapy": therapies.line_for(row, actor),
        "line": line,
        "state": state,
        "job": next((presenter.job(task, line, names, at) for task in tasks if task.kind in presenter.VERBS), None),
        "colleague": colleague,
        "person": people.get(line.person) if line and line.person and line.holder != actor.party else "",
        "places": party_places(),
        "party_names": names,
        "is_mine": line is not None and line.holder == actor.party,
        "back_url": reverse("home"),
        "checked_at": at,
    }
    if line and state:
        context |= {
            "calls": duty_numbers([actor.party, line.holder, line.offered_to, line.destination, line.origin], names),
            "live": presenter.live_status(state),
            "tilt": presenter.tilt_status(state),
            "hold": presenter.hold_status(state),
            "seal": queries.seal_of(therapy=therapy, by=actor),
            "chart": telemetry.chart(by=actor, therapy=therapy, leg=line.leg.code, at=at, zone=zone()),
            "within": line.offered_to is not None and line.offered_to == line.holder == actor.party,
            "may_take": actor.may("handoff.accept"),
            "may_keep": may_keep(line, actor),
            "keep_key": fresh_key(),
            "may_transfer": actor.may("handoff.offer")
            and actor.party_kind == "courier"
            and line.offered_to is None
            and may_pass_on(colleague, actor),
            "may_upload": actor.may("readings.upload"),
            "may_report": actor.may("exception.open") and actor.party_kind == "courier" and line.holder == actor.party,
            "problems": [
                one
                for one in exceptions.of_therapy(therapy=therapy, by=actor)
                if one.kind == "transport_problem" and one.leg == line.leg.code and one.closed_at is None
            ],
        }
    return render(request, "transport/job.html", context)


def shipments(request: HttpRequest) -> HttpResponse:
    """The shipments on the road that the actor's organisation has to do with."""
    actor, at, names = actor_of(request), now(), party_names()
    lines = queries.on_the_road(by=actor)
    found = [presenter.shipment_view(line, at) for line in lines]
    concerned = [party for line in lines for party in (line.holder, line.origin, line.destination)]
    context = {
        "shipments": sorted(found, key=lambda view: (view.rank, view.line.hold_ends_at)),
        "wrong": [view for view in found if view.rank == 0],
        "party_names": names,
        "people": holders_of(lines),
        "places": party_places(),
        "numbers": numbers_of_others(concerned, names, actor),
        "checked_at": at,
    }
    return render(request, "transport/shipments.html", context)


def loggers(request: HttpRequest) -> HttpResponse:
    """The organisation's loggers: free, on the road, or contradicting themselves."""
    actor, at = actor_of(request), now()
    doubts = {device.id: device.contradictions for device in telemetry.devices(by=actor)}
    rows = queries.loggers(by=actor, contradictions=doubts)
    context = {
        "rows": [(row, presenter.shipment_view(row.shipment, at) if row.shipment else None) for row in rows],
        "free": sum(row.shipment is None for row in rows),
        "party_names": party_names(),
        "checked_at": at,
    }
    return render(request, "transport/loggers.html", context)


class UploadForm(ActionForm):
    """A logger's file, and how its dates are to be read where the file does not say."""

    file = forms.FileField(
        label="The logger's file (CSV)",
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        error_messages={
            "required": "Choose the file that the logger's program exported.",
            "max_length": "The file's name is longer than 255 characters. Rename it.",
        },
    )
    dates = forms.ChoiceField(
        label="A date such as 03/04/2026 is",
        choices=[("", "As the file shows"), ("day", "3 April, day first"), ("month", "4 March, month first")],
        required=False,
    )


class UploadView(ActionView):
    """Bring a logger's readings by its file. Every fault is listed by line and column, and then nothing is stored."""

    template_name: ClassVar[str] = "transport/upload.html"
    form_class = UploadForm
    problems: tuple[Problem, ...] = ()
    total: int = 0

    def prepare(self) -> None:
        self.found = telemetry.leg_readings(
            by=self.actor, therapy=self.kwargs["therapy"], leg=self.kwargs["leg"], at=self.at
        )
        self.therapy = therapies.find_therapy(therapy=self.kwargs["therapy"], by=self.actor)

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "therapy": therapies.line_for(self.therapy, self.actor),
            "leg": self.found.leg,
            "report": self.found.report,
            "is_committed": self.found.is_committed,
            "problems": self.problems,
            "more": max(0, self.total - len(self.problems)),
            "total": self.total,
            "max_megabytes": MAX_BYTES // 1_000_000,
            "back_url": self._back(),
        }

    def act(self, form: ActionForm) -> Done:
        file = form.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise TooLargeFile(
                f"The file has {file.size:,} bytes; {MAX_BYTES:,} are taken at most. Part it by time.", field="file"
            )
        try:
            upload = upload_logger_file(
                therapy=self.kwargs["therapy"],
                leg=self.kwargs["leg"],
                raw=file.read(),
                by=self.actor,
                at=self.at,
                zone=ZoneInfo(timezone.get_current_timezone_name()),
                day_first={"day": True, "month": False}.get(form.cleaned_data["dates"]),
            )
        except BadReadings as refused:
            self.problems, self.total = refused.problems, refused.total
            raise
        return Done(self._back(), _said(upload))

    def _back(self) -> str:
        if self.actor.party_kind == "courier":
            return reverse("job", args=[self.kwargs["therapy"]])
        back = self.request.GET.get("back", "")
        journey = reverse("therapy", args=[self.kwargs["therapy"]])
        known = (journey, reverse("batch", args=[self.kwargs["therapy"]]))
        return back if back.startswith(known) else journey


class TooLargeFile(BadInput):
    """The file is larger than one upload may be."""

    status = 413


def _said(upload: Upload) -> str:
    """How the file was understood and what became of its readings, for the person to check."""
    result, file = upload.result, upload.file
    said = [f"{result.accepted:,} new reading{'' if result.accepted == 1 else 's'}"]
    if result.duplicates:
        said.append(f"{result.duplicates:,} known already")
    if result.conflicts:
        said.append(f"{len(result.conflicts):,} contradict what the logger said before and are kept apart")
    if result.ahead:
        said.append(f"{result.ahead:,} dated ahead of now")
    if file.without_value:
        said.append(f"{file.without_value:,} lines without a value")
    return f"{', '.join(said)}. Read as {file.unit}, times in {file.zone}."
