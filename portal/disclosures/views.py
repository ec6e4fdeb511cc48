"""Asking, taking that back, answering, sharing, reading and verifying what one member shows another of a therapy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from io import BytesIO
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from custody.contract import disclosing
from custody.disclosures import operations, queries
from custody.disclosures.fields import GROUPS, SealedField, sealed_fields
from custody.disclosures.queries import DisclosureLine
from custody.therapies.queries import find_therapy
from ledger.bundles import format as file_format
from ledger.clock import now
from ledger.cosigning import queries as cosigning
from ledger.errors import Conflict
from ledger.log.evidence import log_key, vouched_checkpoint
from ledger.parties.queries import parties, party_names
from portal.accounts.actors import actor_of
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done, fresh_key
from portal.disclosures import presenter
from portal.paging import page_of

PAGE = 40
DAYS = 30
MOST_DAYS = 365


@require_safe
def disclosures(request: HttpRequest) -> HttpResponse:
    """Everything that was asked for, shown or refused, where the organisation holds or receives it."""
    actor, at = actor_of(request), now()

    def fetch(limit: int, offset: int) -> list[DisclosureLine]:
        return queries.disclosures(by=actor, limit=limit, offset=offset)

    page = page_of(request, fetch, size=PAGE)
    rows = presenter.views(page.rows, party_names(), at)
    waiting = [row for row in rows if row.line.status == "asked" and not row.is_over and row.line.holder == actor.party]
    open_ones = [
        row for row in rows if row.line.status == "asked" and not row.is_over and row.line.receiver == actor.party
    ]
    context = {
        "rows": rows,
        "waiting": len(waiting),
        "open": len(open_ones),
        "page": page,
        "own": actor.party,
        "checked_at": at,
    }
    return render(request, "disclosures/list.html", context)


@require_safe
def disclosure(request: HttpRequest, disclosure: UUID) -> HttpResponse:
    """One disclosure; for its receiver with the values."""
    actor, at = actor_of(request), now()
    line = queries.disclosure(disclosure=disclosure, by=actor)
    shown = queries.shown(disclosure=disclosure, by=actor, at=at)
    titles = dict(zip(line.fields, line.titles, strict=True))
    context = {
        "one": presenter.view(line, party_names(), at),
        "shown": [(titles.get(one.name, one.name), one) for one in shown],
        "fields": [
            {"name": one.name, "path": one.path, "salt": one.salt, "value": one.value, "commitment": one.commitment}
            for one in shown
        ],
        "holds": line.holder == actor.party,
        "may_ask": line.receiver == actor.party and actor.may("disclosure.ask"),
        "may_take_back": line.receiver == actor.party and line.status == "asked" and actor.may("disclosure.ask"),
        "may_answer": line.holder == actor.party and actor.may("disclosure.answer"),
        "withdraw_key": fresh_key(),
        "checked_at": at,
    }
    response = render(request, "disclosures/disclosure.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def evidence(request: HttpRequest, disclosure: UUID) -> HttpResponse:
    """What a browser checks a disclosure against: its records, at a checkpoint; no values."""
    cosigning.check_fresh(at=now())
    checkpoint = vouched_checkpoint()
    pack = queries.evidence_pack(disclosure=disclosure, size=checkpoint.size, by=actor_of(request))
    head = {
        "note": checkpoint.note,
        "vkey": log_key(checkpoint.size),
        "policy": cosigning.policy_for_readers(),
        "shared": f"{reverse('proofs_shared')}?size={checkpoint.size}",
    }
    return JsonResponse(pack | head, headers={"Cache-Control": "no-store"})


@require_safe
def file(request: HttpRequest, disclosure: UUID) -> HttpResponse:
    """The disclosure as a file that `python -m ledger.verify` checks, offline."""
    content = BytesIO()
    file_format.write(content, queries.bundle(disclosure=disclosure, by=actor_of(request), at=now()))
    headers = {"Content-Disposition": f'attachment; filename="{disclosure}.zip"', "Cache-Control": "no-store"}
    return HttpResponse(content.getvalue(), content_type="application/zip", headers=headers)


def _end_of_day(at: datetime, days: int) -> datetime:
    day = timezone.localdate(at) + timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, time()))


def _purpose() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="What for?",
        choices=[("", "Choose"), *disclosing.PURPOSES.items()],
        error_messages={"required": "Say what it is for. It stands on the ledger."},
    )


def _days() -> forms.IntegerField:
    return forms.IntegerField(
        label="For how many days",
        min_value=1,
        max_value=MOST_DAYS,
        error_messages={
            "min_value": "For one day at least.",
            "max_value": f"For {MOST_DAYS} days at most. Ask anew when they are over.",
            "invalid": "Write the number of days, such as 30.",
        },
        initial=DAYS,
        help_text="Then the values are destroyed by themselves.",
    )


class AskForm(SigningMixin, ActionForm):
    """Single fields, under the name of the member that holds them; a purpose and a time."""

    fields_wanted = forms.MultipleChoiceField(
        label="Which fields?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one field."},
    )
    purpose = _purpose()
    days = _days()
    field_order = ("fields_wanted", "purpose", "days", "signing_password")

    def __init__(self, *args: Any, known: list[SealedField], names: Mapping[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held: dict[UUID, list[tuple[str, str]]] = {}
        for one in known:
            held.setdefault(one.holder, []).append((one.name, one.title))
        wanted: forms.ChoiceField = self.fields["fields_wanted"]  # type: ignore[assignment]
        wanted.choices = [(f"Goes to {names.get(holder, holder)}", fields) for holder, fields in held.items()]

    def until(self, at: datetime) -> datetime:
        """The end of the last day, by the clock of the signer's site."""
        return _end_of_day(at, self.cleaned_data["days"])


class AskView(ActionView):
    """Ask for fields of a therapy: one request to each member that holds some of what was chosen."""

    form_class = AskForm
    template_name: ClassVar[str] = "disclosures/ask.html"

    def prepare(self) -> None:
        self.therapy = find_therapy(therapy=self.kwargs["therapy"], by=self.actor)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request, "known": sealed_fields(self.therapy), "names": party_names()}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"therapy": self.therapy}

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, AskForm)
        records = operations.ask_each(
            therapy=self.therapy.pk,
            fields=form.cleaned_data["fields_wanted"],
            purpose=form.cleaned_data["purpose"],
            until=form.until(self.at),
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        names = party_names()
        asked = [names[UUID(str(record.chain.state["holder"]))] for record in records]
        if len(records) > 1:
            return Done(reverse("disclosures"), f"{presenter.requests(asked)} Each is told, and answers for itself.")
        return Done(reverse("disclosure", args=[records[0].chain.subject]), f"Asked for. {asked[0]} is told.")


class ShareForm(SigningMixin, ActionForm):
    """A grant: groups of fields, to whom, what for, for how long."""

    receiver = forms.ChoiceField(label="With whom?", error_messages={"required": "Choose a member."})
    groups = forms.MultipleChoiceField(
        label="What?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one group of fields."},
    )
    purpose = _purpose()
    days = _days()
    field_order = ("receiver", "groups", "purpose", "days", "signing_password")

    def __init__(
        self, *args: Any, receivers: list[tuple[str, str]], groups: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["receiver"].choices = [("", "Choose"), *receivers]  # type: ignore[attr-defined]
        self.fields["groups"].choices = groups  # type: ignore[attr-defined]

    def until(self, at: datetime) -> datetime:
        """The end of the last day, by the clock of the signer's site."""
        return _end_of_day(at, self.cleaned_data["days"])


class ShareView(ActionView):
    """Share groups of fields of a therapy with a member that takes part in it, or with a regulator."""

    form_class = ShareForm
    template_name: ClassVar[str] = "disclosures/share.html"

    def prepare(self) -> None:
        self.therapy = operations.holding(therapy=self.kwargs["therapy"], by=self.actor)
        self.known = [one for one in sealed_fields(self.therapy) if one.holder == self.actor.party]

    def form_arguments(self) -> Mapping[str, Any]:
        takers = [
            (str(one.id), one.name)
            for one in parties()
            if one.id != self.actor.party and operations.may_receive(self.therapy, one.id)
        ]
        held = {one.group for one in self.known}
        groups = [(code, title) for code, title in GROUPS.items() if code in held]
        return {"request": self.request, "receivers": takers, "groups": groups}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"therapy": self.therapy, "back_url": reverse("patient", args=[self.therapy.patient_id])}

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, ShareForm)
        chosen = set(form.cleaned_data["groups"])
        record = operations.give(
            therapy=self.therapy.pk,
            receiver=UUID(form.cleaned_data["receiver"]),
            fields=[one.name for one in self.known if one.group in chosen],
            purpose=form.cleaned_data["purpose"],
            until=form.until(self.at),
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(reverse("disclosure", args=[record.chain.subject]), "Shared. The receiver is told.")


class _HolderView(ActionView):
    """An act of the holder on one disclosure."""

    def prepare(self) -> None:
        self.line = queries.disclosure(disclosure=self.kwargs["disclosure"], by=self.actor)
        if self.line.holder != self.actor.party:
            raise operations.DisclosureUnknown("There is no such request to your organisation.")

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"one": presenter.view(self.line, party_names(), self.at)}

    @property
    def back(self) -> str:
        return reverse("disclosure", args=[self.line.id])


class AnswerForm(SigningMixin, ActionForm):
    """Which of the fields that were asked for are shown."""

    fields_shown = forms.MultipleChoiceField(
        label="What do you disclose?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one field, or refuse."},
    )

    def __init__(self, *args: Any, asked: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fields_shown"].choices = asked  # type: ignore[attr-defined]


class AnswerView(_HolderView):
    """Disclose some or all of what was asked for."""

    form_class = AnswerForm
    template_name: ClassVar[str] = "disclosures/answer.html"

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request, "asked": list(zip(self.line.fields, self.line.titles, strict=True))}

    def act(self, form: ActionForm) -> Done:
        operations.answer(
            disclosure=self.line.id,
            fields=form.cleaned_data["fields_shown"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(self.back, "Disclosed, sealed to the one who asked.")


class RefuseForm(SigningMixin, ActionForm):
    """Why not."""

    reason = forms.ChoiceField(
        label="Why not?",
        choices=list(disclosing.REFUSALS.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Give the reason. It stands on the ledger."},
    )


class RefuseView(_HolderView):
    """Refuse a request."""

    form_class = RefuseForm
    template_name: ClassVar[str] = "disclosures/refuse.html"

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def act(self, form: ActionForm) -> Done:
        operations.refuse(
            disclosure=self.line.id,
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(self.back, "Refused. The one who asked is told why.")


class WithdrawView(_HolderView):
    """End a disclosure; a button on its page."""

    def act(self, form: ActionForm) -> Done:
        operations.withdraw(disclosure=self.line.id, by=self.actor, at=self.at, key=form.key)
        return Done(self.back, "Withdrawn. The sealed values are destroyed; what was read may still be known.")


class TakeBackForm(SigningMixin, ActionForm):
    """Why the answer is not needed."""

    reason = forms.ChoiceField(
        label="Why?",
        choices=list(disclosing.REASONS_TO_TAKE_BACK.items()),
        widget=forms.RadioSelect,
        error_messages={"required": "Give the reason. It stands on the ledger."},
    )


class TakeBackView(ActionView):
    """Take back one's own request, which nobody has answered yet."""

    form_class = TakeBackForm
    template_name: ClassVar[str] = "disclosures/take_back.html"

    def prepare(self) -> None:
        self.line = queries.disclosure(disclosure=self.kwargs["disclosure"], by=self.actor)
        if self.line.receiver != self.actor.party:
            raise operations.DisclosureUnknown("There is no such request of your organisation.")
        if self.request.method == "GET" and self.line.status != "asked":
            raise Conflict("This request is not open any more: it was answered, refused or taken back.")

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"one": presenter.view(self.line, party_names(), self.at)}

    def act(self, form: ActionForm) -> Done:
        operations.take_back(
            disclosure=self.line.id,
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        return Done(reverse("disclosure", args=[self.line.id]), "Taken back. The member that you asked is told.")
