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
from custody.transport import operations, queries
from ledger.clock import now
from ledger.errors import BadInput, Conflict
from ledger.parties.queries import parties, party_names
from portal.accounts.actors import actor_of
from portal.accounts.queries import names_of
from portal.accounts.signing import SigningMixin, first_signer
from portal.actions.base import ActionForm, ActionView, Done, fresh_key, together
from portal.actions.stopping import check_seal, check_shipper
from portal.contacts.queries import duty_numbers, others_holding
from portal.journeys.presenter import zone
from portal.transport import presenter

SCAN = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "data-scan": ""}


def job(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """One shipment on its way: where to, how long it keeps, what its logger says now, and the next scan."""
    actor, at = actor_of(request), now()
    row = therapies.find_therapy(therapy=therapy, by=actor)
    line = queries.shipment_under_way(therapy=therapy, by=actor)
    names = party_names()
    tasks = [task for task in therapies.tasks_of(therapy=therapy, by=actor) if task.mine]
    state = telemetry.live_state(by=actor, therapy=therapy, at=at) if line else None
    context: dict[str, Any] = {
        "therapy": therapies.line_for(row, actor),
        "line": line,
        "state": state,
        "job": next((presenter.job(task, line, names, at) for task in tasks if task.kind in presenter.VERBS), None),
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
            "may_hand_over": actor.may("handoff.offer"),
            "offered_by_me": line.offered_by == actor.person,
            "keep_key": fresh_key(),
            "may_transfer": actor.may("handoff.offer") and actor.party_kind == "courier" and line.offered_to is None,
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
    found = [presenter.shipment_view(line, at) for line in queries.on_the_road(by=actor)]
    context = {
        "shipments": sorted(found, key=lambda view: (view.rank, view.line.hold_ends_at)),
        "wrong": [view for view in found if view.rank == 0],
        "party_names": names,
        "numbers": others_holding((view.line.holder for view in found), names, actor),
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


class ProblemForm(SigningMixin, ActionForm):
    """What happened on the road, and when."""

    problem = forms.ChoiceField(
        label="What happened?",
        choices=[
            ("delay", "Delay: it will arrive later than planned"),
            ("damage", "Damage: the shipper is dented, open or wet"),
            ("seal_broken", "Seal broken or missing"),
            ("lost", "Lost: the shipper is not where it should be"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Say what happened."},
    )
    occurred_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)


class ProblemView(ActionView):
    """A courier reports from the road; centre and maker see it at once."""

    template_name: ClassVar[str] = "transport/problem.html"
    form_class = ProblemForm

    def prepare(self) -> None:
        found = queries.shipment_under_way(therapy=self.kwargs["therapy"], by=self.actor)
        if found is None or found.holder != self.actor.party:
            raise Conflict("Your organisation does not hold this shipment, so it reports no problem with it.")
        self.line = found

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "line": self.line,
            "therapy": self.line.therapy,
            "party_names": party_names(),
            "back_url": reverse("job", args=[self.kwargs["therapy"]]),
        }

    def act(self, form: ActionForm) -> Done:
        operations.report_problem(
            therapy=self.kwargs["therapy"],
            problem=form.cleaned_data["problem"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
            occurred_at=form.cleaned_data["occurred_at"],
        )
        return Done(reverse("job", args=[self.kwargs["therapy"]]), "Reported. Centre and maker have been told.")


class TransferForm(SigningMixin, ActionForm):
    """Which courier takes over, or a colleague of the own one, and the seal as it is on the shipper now."""

    receiver = forms.ChoiceField(label="To", error_messages={"required": "Choose who takes over."})
    seal = forms.CharField(label="Scan or type the seal", max_length=40, widget=forms.TextInput(attrs=SCAN))

    def __init__(self, *args: Any, others: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["receiver"].choices = [("", "Choose"), *others]  # type: ignore[attr-defined]


class TransferView(ActionView):
    """A courier hands over on the way, to another courier or to a colleague."""

    template_name: ClassVar[str] = "transport/transfer.html"
    form_class = TransferForm

    def prepare(self) -> None:
        found = queries.shipment_under_way(therapy=self.kwargs["therapy"], by=self.actor)
        if found is None or found.holder != self.actor.party:
            raise Conflict("Your organisation does not hold this shipment, so it cannot hand it over.")
        self.line = found

    def form_arguments(self) -> Mapping[str, Any]:
        known = parties("courier")
        others = [(str(one.id), f"{one.name}, {one.city}") for one in known if one.id != self.actor.party]
        own = [(str(one.id), f"A colleague of {one.name}") for one in known if one.id == self.actor.party]
        others = own + others
        return {"request": self.request, "others": others}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"line": self.line, "therapy": self.line.therapy, "back_url": self._back()}

    def act(self, form: ActionForm) -> Done:
        operations.offer_transfer(
            therapy=self.kwargs["therapy"],
            receiver=UUID(form.cleaned_data["receiver"]),
            seal=form.cleaned_data["seal"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        taker = "your colleague" if form.cleaned_data["receiver"] == str(self.actor.party) else "the other courier"
        return Done(self._back(), f"Offered. The shipper stays with you until {taker} has scanned.")

    def _back(self) -> str:
        return reverse("job", args=[self.kwargs["therapy"]])


class KeepView(ActionView):
    """Take back what was offered to a colleague; a button on the job's page."""

    def act(self, form: ActionForm) -> Done:
        record = operations.keep(handoff=self.kwargs["handoff"], by=self.actor, at=self.at, key=form.key)
        return Done(reverse("job", args=[record.chain.subject]), "Kept. You may offer it anew, or deliver it.")


class TakeForm(SigningMixin, ActionForm):
    """The receiver scans what the giver hands over."""

    shipper = forms.CharField(label="Scan the shipper", max_length=40, widget=forms.TextInput(attrs=SCAN))
    seal = forms.CharField(label="Scan or type the seal", max_length=40, widget=forms.TextInput(attrs=SCAN))


class TakeTransferView(ActionView):
    """Take over from another courier or a colleague on the way, or refuse."""

    template_name: ClassVar[str] = "transport/take.html"
    form_class = TakeForm

    def prepare(self) -> None:
        self.offer = queries.transfer_offered(handoff=self.kwargs["handoff"], by=self.actor)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "offer": self.offer,
            "colleague": self._colleague(),
            "party_names": party_names(),
            "refusal_reasons": operations.REFUSAL_REASONS.items(),
            "back_url": reverse("home"),
        }

    def _colleague(self) -> str:
        """The name of who hands over, where that is somebody of the own organisation."""
        of_own = self.offer.giver == self.actor.party
        return names_of([self.offer.offered_by]).get(self.offer.offered_by, "a colleague") if of_own else ""

    def act(self, form: ActionForm) -> Done:
        given, offer = form.cleaned_data, self.offer
        _, seal = together(
            form,
            lambda: check_shipper(given["shipper"], offer.container, therapy=None, field="shipper"),
            lambda: check_seal(given["seal"], offer.seal, therapy=None, field="seal"),
        )
        operations.accept_handoff(
            handoff=self.offer.handoff,
            seal=seal,
            scans={"shipper": self.offer.container, "seal": seal},
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(reverse("job", args=[self.offer.therapy]), "Taken over. Custody is yours now.")
