"""Exceptions: the list, one with its evidence, closing it, and the out-of-specification path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from custody.contract.closing import LONGEST_WHY, WHY_ASKED, says_why
from custody.contract.moment import OPEN_STATUSES
from custody.contract.worklist import HALTING
from custody.exceptions import operations as exceptions
from custody.exceptions import queries
from custody.exceptions.causes import causes_of, resolutions_of
from custody.exceptions.queries import ExceptionLine
from custody.telemetry import queries as telemetry
from custody.telemetry.permissions import LegNotFound
from custody.therapies import queries as therapies
from custody.therapies.queries import Journey
from ledger.clock import now
from ledger.errors import Conflict
from ledger.log.models import Record
from ledger.parties import queries as parties
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.accounts.roles import ROLES
from portal.accounts.signed_forms import SecondPersonMixin, SigningMixin
from portal.accounts.signing import first_signer
from portal.actions import exception_filters as filters
from portal.actions.base import KEY_FIELD, ActionForm, ActionView, Done, both_signers, fresh_key
from portal.contacts.queries import numbers_of
from portal.journeys.presenter import zone
from portal.paging import page_of
from portal.presenters import broken
from portal.presenters import exceptions as words
from portal.presenters import therapies as present

CLOSED_SHOWN_DAYS = 90
SHOWN = 50
RESOLUTIONS = [
    ("accepted", "Accepted: the product may go on"),
    ("corrected", "Corrected: the cause is removed"),
    ("explained", "Explained: nothing was wrong with the cells"),
    ("rejected", "Rejected: the therapy will be ended"),
]


REJECTED_ALREADY = "Rejected: the product is not used"
"""Of a therapy that ended."""


@dataclass(frozen=True, slots=True)
class OosStep:
    """One act of the path: the stage before and after it, whose it is, and its words (EU GMP Part IV §11.5)."""

    before: str
    after: str
    permission: str
    capacity: str
    title: str
    note: str
    waits: str


OOS_STEPS = (
    OosStep(
        "found",
        "requested",
        "oos.request",
        "centre",
        "Ask for supply",
        "The treating physician asks for the product all the same.",
        "a physician",
    ),
    OosStep(
        "requested",
        "evaluated",
        "oos.evaluate",
        "maker",
        "Give the risk evaluation",
        "QA or QP at the maker evaluates the risks.",
        "QA or the Qualified Person",
    ),
    OosStep(
        "evaluated",
        "accepted",
        "oos.accept",
        "centre",
        "Accept the risk",
        "The treating physician accepts, for this patient.",
        "a physician",
    ),
    OosStep(
        "accepted",
        "informed",
        "oos.inform",
        "maker",
        "Authority is informed",
        "The maker informs the authority in time.",
        "QA or the Qualified Person",
    ),
)
OOS_OPERATIONS: Mapping[str, Callable[..., Record]] = {
    "requested": exceptions.request_supply,
    "evaluated": exceptions.evaluate_risk,
    "accepted": exceptions.accept_risk,
    "informed": exceptions.inform_authority,
}
OOS_CLOSES = "The path below: it ends when the authority is informed"
CLOSING_ROLES = ("physician", "nurse", "cell_lab", "qa", "qp", "operator")


def exception_list(request: HttpRequest) -> HttpResponse:
    """Open exceptions, worst first, and those closed lately."""
    actor, at, names = actor_of(request), now(), party_names()
    since = at - timedelta(days=CLOSED_SHOWN_DAYS)
    narrowing = filters.read(request.GET, at=at)

    def fetch_open(limit: int, offset: int) -> list[ExceptionLine]:
        return queries.open_exceptions(by=actor, wanted=narrowing.wanted, limit=limit, offset=offset)

    def fetch_closed(limit: int, offset: int) -> list[ExceptionLine]:
        return queries.closed_exceptions(by=actor, since=since, limit=limit, offset=offset)

    still_open = page_of(request, fetch_open, size=SHOWN)
    closed = page_of(request, fetch_closed, size=SHOWN, name="closed")
    context = {
        "open": [words.view_of(one, names, at) for one in still_open.rows],
        "open_page": still_open,
        "open_count": queries.count_open(by=actor),
        "narrowed": narrowing.is_narrow,
        "narrowed_count": queries.count_wanted(by=actor, wanted=narrowing.wanted) if narrowing.is_narrow else None,
        "filters": filters.fields(narrowing, queries.choices(by=actor), names),
        "order_words": filters.ORDER_WORDS[narrowing.wanted.order],
        "rank_before": still_open.number * SHOWN,
        "closed": [words.view_of(one, names, at) for one in closed.rows],
        "closed_page": closed,
        "closed_days": CLOSED_SHOWN_DAYS,
        "checked_at": at,
    }
    return render(request, "exceptions/list.html", context)


class CloseForm(SigningMixin, ActionForm):
    """How an exception is resolved, and its cause."""

    resolution = forms.ChoiceField(
        label="Resolution", choices=RESOLUTIONS, widget=forms.RadioSelect, error_messages={"required": "Choose one."}
    )
    cause = forms.ChoiceField(label="Cause", error_messages={"required": "Name the cause."})
    why = forms.CharField(
        label="Why it can be closed",
        max_length=LONGEST_WHY,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What was looked at and what was found. The authority reads it too, and it stays for good: no names, "
        "birth dates or record numbers.",
        error_messages={"required": WHY_ASKED},
    )

    def __init__(self, *args: Any, about: ExceptionLine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fitting = [(code, words[:1].upper() + words[1:]) for code, words in causes_of(about.kind).items()]
        taken, ended = resolutions_of(about.kind, about.therapy.status), about.therapy.status not in OPEN_STATUSES
        self.fields["resolution"].choices = [  # type: ignore[attr-defined]
            (code, REJECTED_ALREADY if ended and code == "rejected" else words)
            for code, words in RESOLUTIONS
            if code in taken
        ]
        self.fields["cause"].choices = [("", "Choose"), *fitting]  # type: ignore[attr-defined]

    def clean_why(self) -> str:
        why = str(self.cleaned_data["why"])
        if not says_why(why):
            raise forms.ValidationError(WHY_ASKED)
        return why


class CloseWithSecondForm(SecondPersonMixin, CloseForm):
    """After an identity stop or a halt somebody else has to have looked too."""

    @property
    def second_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("second_email", "second_password", "second_code")]


class ExceptionView(ActionView):
    """One exception: finding, evidence, and what may be decided."""

    template_name: ClassVar[str] = "exceptions/exception.html"
    exception: ExceptionLine

    def prepare(self) -> None:
        self.exception = queries.exception(exception=self.kwargs["exception"], by=self.actor)

    @property
    def form_class(self) -> type[ActionForm]:  # type: ignore[override]
        return CloseWithSecondForm if self.exception.kind in HALTING else CloseForm

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request, "about": self.exception}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        one = self.exception
        journey = therapies.journey(therapy=one.therapy.id, by=self.actor)
        names = party_names()
        roles = {code: role.name for code, role in ROLES.items()}
        near = [record for record in journey.records if _concerns(record, one)]
        is_oos = one.kind == "out_of_specification"
        ended = one.therapy.status not in OPEN_STATUSES
        others = [other for other in queries.of_therapy(therapy=one.therapy.id, by=self.actor) if other.id != one.id]
        return {
            "one": words.view_of(one, names, self.at),
            "stage": present.status_of(one.therapy).words,
            "decides": OOS_CLOSES if is_oos and not ended else words.decides(one, names),
            "meanwhile": _meanwhile(one, journey),
            "others": [words.view_of(other, names, self.at) for other in others],
            "curve": self._curve(one),
            "stop": _stop(one, journey) if one.kind == "identity_stop" else None,
            "evidence": [present.entry_of(record, journey, names, roles) for record in near],
            "broken": broken.views(journey.broken),
            "is_oos": is_oos,
            "oos_steps": _oos_steps(one) if is_oos else [],
            "oos_act": self._oos_act(one) if is_oos else None,
            "oos_waits": _oos_waits(one, names) if is_oos and not ended else "",
            "ended": ended,
            "country": _country(one) if is_oos else "",
            "oos_form": form if isinstance(form, OosForm) else self._oos_form(),
            "answered_by_you": str(self.actor.person) in _answered(one, journey),
            "may_close": self._may_close(one, journey) and not isinstance(form, OosForm),
            "needs_second": one.kind in HALTING,
            "calls": numbers_of(journey, names, one.party) if one.closed_at is None else [],
            "checked_at": self.at,
            "back_url": reverse("exceptions"),
        }

    def _oos_form(self) -> OosForm:
        return OosForm(initial={KEY_FIELD: fresh_key()}, request=self.request)

    def _oos_act(self, one: ExceptionLine) -> dict[str, str] | None:
        """The act of the path that is due and that this person's role and organisation do."""
        step = next((step for step in OOS_STEPS if step.before == one.oos_stage), None)
        mine = {"centre": one.therapy.centre, "maker": one.therapy.maker}
        if step is None or one.therapy.status not in OPEN_STATUSES:
            return None
        if not self.actor.may(step.permission) or mine[step.capacity] != self.actor.party:
            return None
        return {"stage": step.after, "title": step.title, "note": step.note}

    def _curve(self, one: ExceptionLine) -> dict[str, Any] | None:
        """The temperature of the way that the exception is about, as this reader may see it."""
        if not one.leg:
            return None
        about: dict[str, Any] = {"by": self.actor, "therapy": one.therapy.id, "leg": one.leg, "at": self.at}
        try:
            report = telemetry.leg_report(**about)
            return {"report": report, "chart": telemetry.chart(**about, zone=zone())} if report.count else None
        except LegNotFound:
            return None

    def _may_close(self, one: ExceptionLine, journey: Journey) -> bool:
        """Whether the contract would let this person close it: who found it, and the therapy's standing, decide."""
        if one.closed_at is not None or not self.actor.may("exception.close"):
            return False
        therapy, by = one.therapy, self.actor
        if one.kind == "out_of_specification" and therapy.status in OPEN_STATUSES:
            return False
        if one.kind in HALTING:
            takes_part = by.party in {therapy.centre, therapy.maker} and by.role in {"physician", "qa"}
            return takes_part and str(by.person) not in _answered(one, journey)
        if by.party == therapy.centre:
            return by.role == "physician" and (one.party == therapy.centre or therapy.maker is None)
        return by.party == therapy.maker and by.role in {"qa", "qp"}

    def _signed_by(self, form: ActionForm) -> tuple[Actor, Actor | None]:
        if self.exception.kind not in HALTING:
            return first_signer(self.request, form), None
        by, second = both_signers(self.request, form, roles=CLOSING_ROLES)
        return by, second

    def act(self, form: ActionForm) -> Done:
        by, second = self._signed_by(form)
        exceptions.close_exception(
            exception=self.exception.id,
            resolution=form.cleaned_data["resolution"],
            cause=form.cleaned_data["cause"],
            why=form.cleaned_data["why"],
            by=by,
            second=second,
            at=self.at,
            key=form.key,
        )
        return Done(
            reverse("therapy", args=[self.exception.therapy.id]),
            "Closed, with its cause and the reason, on the ledger.",
        )


def _concerns(record: Any, one: ExceptionLine) -> bool:
    """Whether a record is evidence of this exception: itself, its step, its leg, its decisions."""
    body = record.body
    return bool(
        record.id == one.record
        or body.get("id") == str(one.id)
        or (one.step and body.get("step") == one.step)
        or (one.leg and body.get("leg") == one.leg)
    )


def _oos_steps(one: ExceptionLine) -> list[dict[str, str]]:
    order = [step.before for step in OOS_STEPS] + ["informed"]
    place = order.index(one.oos_stage) if one.oos_stage in order else 0
    states = ["done" if number < place else "now" if number == place else "plan" for number in range(len(OOS_STEPS))]
    return [
        {"title": step.title, "note": step.note, "state": state} for step, state in zip(OOS_STEPS, states, strict=True)
    ]


def _oos_waits(one: ExceptionLine, names: Mapping[UUID, str]) -> str:
    step = next((step for step in OOS_STEPS if step.before == one.oos_stage), None)
    if step is None:
        return ""
    party = one.therapy.centre if step.capacity == "centre" else one.therapy.maker
    return f"{step.waits} at {names.get(party, 'the maker') if party else 'the maker'}"


def _country(one: ExceptionLine) -> str:
    return parties.party(one.therapy.centre).country


def _stop(one: ExceptionLine, journey: Journey) -> dict[str, str] | None:
    """What was scanned in the place of this therapy's identity; None for who sees no values."""
    record = next((found for found in journey.records if found.id == one.record), None)
    scanned = str(record.body.get("scanned", "")) if record else ""
    if record is None or not scanned:
        return None
    return {"what": str(record.body.get("kind", "")), "scanned": scanned, "expected": journey.therapy.coi}


def _answered(one: ExceptionLine, journey: Journey) -> tuple[str, ...]:
    """Who gave the answer that halted, and so does not close it."""
    known = journey.state["exceptions"]
    assert isinstance(known, dict)
    return tuple(known.get(str(one.id), {}).get("answered", ()))


def _meanwhile(one: ExceptionLine, journey: Journey) -> str:
    """What the exception holds up while it is open."""
    if one.closed_at is not None:
        return "Nothing is held any longer"
    if one.therapy.status not in OPEN_STATUSES:
        return "The therapy has ended; nothing is held"
    exceptions_now = journey.state["exceptions"]
    assert isinstance(exceptions_now, dict)
    if one.kind in HALTING:
        return "Every step of this therapy is halted"
    if exceptions_now.get(str(one.id), {}).get("blocking"):
        return "Acceptance, release and infusion wait; other steps go on"
    return "No step is held"


class OosForm(SigningMixin, ActionForm):
    """The signature of the path's next act. `stage` is where it leads, as the page showed it."""

    stage = forms.CharField(max_length=12, widget=forms.HiddenInput)


class OosView(ExceptionView):
    """The next act of the out-of-specification path: a button on the exception's page, which shows a refusal."""

    form_class = OosForm  # type: ignore[assignment]

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("exception", exception=kwargs["exception"])

    def act(self, form: ActionForm) -> Done:
        one, stage = self.exception, form.cleaned_data["stage"]
        step = next((known for known in OOS_STEPS if known.before == one.oos_stage), None)
        if step is None or step.after != stage:
            raise Conflict("The path has moved on since this page was opened. Reload it to see where it stands.")
        by = first_signer(self.request, form)
        OOS_OPERATIONS[stage](exception=one.id, by=by, at=self.at, key=form.key)
        return Done(reverse("exception", args=[one.id]), f"{step.title}: signed and on the ledger.")
