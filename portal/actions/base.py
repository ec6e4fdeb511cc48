"""One form, one operation: how a view carries an act to the domain and a refusal back to the person.

Every form carries an idempotency key that was made when the page was opened. Sent twice (a double click, a reload, an
offline queue that is not sure), it gives the first result: the operations keep that promise in the database, and this
module remembers where the first one led, so that the second press never sees “already done”.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.validators import RegexValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views import View

from ledger.clock import now
from ledger.crypto import randomness
from ledger.errors import Conflict, Refusal
from ledger.ids import uuid7
from ledger.parties.actor import Actor
from portal import refusals
from portal.accounts import acts_of_request, signing
from portal.accounts.actors import actor_of

KEY_FIELD = "idempotency_key"
Given = TypeVar("Given")
REMEMBERED_SECONDS = 24 * 3600
_NOT_COMPARED = {
    "csrfmiddlewaretoken",
    "signing_password",
    "signing_code",
    "second_password",
    "second_code",
    acts_of_request.PROOF_FIELD,
}


class SentWithOtherValues(Conflict):
    """A form that was sent already came again under the same key with other values."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: where to go next, and one sentence to say there."""

    url: str
    message: str = ""


class ScanStops(Refusal):
    """What was scanned belongs to another therapy: the screen becomes a full stop, not a line on the form.

    `expected` is what stands on record, empty where that is the therapy's chain of identity.
    """

    def __init__(self, kind: str, scanned: str, *, expected: str = "") -> None:
        super().__init__(f"The {kind} belongs to another therapy.", field=f"scan_{kind}")
        self.kind = kind
        self.scanned = scanned
        self.expected = expected


class ActionForm(forms.Form):
    """The form of an act. Render `{{ form_key }}` (or `form.idempotency_key`) in it."""

    idempotency_key = forms.CharField(
        widget=forms.HiddenInput,
        validators=[RegexValidator(r"\A[A-Za-z0-9-]{8,64}\Z", "This page lost its key. Reload it and send it again.")],
        error_messages={"required": "This page lost its key. Reload it and send it again."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if field.error_messages.get("required") == forms.Field.default_error_messages["required"]:
                field.error_messages["required"] = "This is needed."

    def add_error(self, field: str | None, error: Any) -> None:
        """A wrong key is nobody's field to mend, so it is said above the form."""
        super().add_error(None if field == KEY_FIELD else field, error)

    @property
    def key(self) -> str:
        """The idempotency key, for the operation."""
        return str(self.cleaned_data[KEY_FIELD])


def fresh_key() -> str:
    """A new idempotency key for a form."""
    return str(uuid7())


class ActionView(View):
    """Shows a form and carries it to one operation.

    A subclass gives `form_class`, `template_name` and `act`; `prepare` loads what the page is about (and may raise a
    Refusal), `page` gives the template its context. `self.actor` and `self.at` are there in all of them. Without a
    template the act has no page of its own (a button elsewhere) and a refusal is a page that says so.
    """

    form_class: ClassVar[type[ActionForm]] = ActionForm
    template_name: ClassVar[str] = ""
    actor: Actor
    at: datetime
    how_signed: acts_of_request.Signing

    def prepare(self) -> None:
        """Load what the page is about. May raise a Refusal."""

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        """The template's context beside `form` and `form_key`."""
        return {}

    def initial(self) -> Mapping[str, Any]:
        """Values that the form opens with."""
        return {}

    def form_arguments(self) -> Mapping[str, Any]:
        """Further arguments of the form's constructor, for example `request` for a signed form."""
        return {}

    def act(self, form: ActionForm) -> Done:
        """Call one operation with `key=form.key`. May raise a Refusal."""
        raise NotImplementedError

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        self.actor, self.at = actor_of(request), now()
        try:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Refusal as refusal:
            return refusals.answer(request, refusal.status, refusal.message, code=refusal.code)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.template_name:
            return self.http_method_not_allowed(request)
        self.prepare()
        form = self.form_class(initial={**self.initial(), KEY_FIELD: fresh_key()}, **self.form_arguments())
        return self._render(form, 200)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        first = self._first_result(request)
        if first is not None:
            return first
        try:
            self.how_signed = acts_of_request.begin(request, self.at)
            if self.how_signed.prepared is not None:
                # What was shown to the passkey is made again, at the moment at which it was shown.
                self.at = self.how_signed.prepared.at
            self.prepare()
            form = self.form_class(request.POST, request.FILES, **self.form_arguments())
            status = 422
            if form.is_valid():
                try:
                    done = self._carry_out(form)
                except ScanStops:
                    raise
                except acts_of_request.ToBeSigned as waiting:
                    return JsonResponse(waiting.ask)
                except Refusal as refusal:
                    status = refusal.status
                    show(refusal, form)
                else:
                    if self.how_signed.prepared is not None:
                        self.how_signed.prepared.delete()
                    self._remember(request, done)
                    if done.message:
                        messages.success(request, done.message)
                    return leave_for(request, done.url)
        except Refusal:
            # The same form may have been let through on another thread since we looked.
            first = self._first_result(request)
            if first is not None:
                return first
            raise
        return self._first_result(request) or self._refused(form, status)

    def _carry_out(self, form: ActionForm) -> Done:
        """The act; where a passkey has to sign it, made to be shown and undone. Raises ToBeSigned then."""
        if self.how_signed.seed is None:
            return self.act(form)
        if not self.how_signed.is_preparing:
            with randomness.drawn_from(self.how_signed.seed):
                return self.act(form)
        raised: Exception | None = None
        with randomness.drawn_from(self.how_signed.seed), transaction.atomic():
            try:
                done = self.act(form)
            except Exception as problem:
                # A refusal leaves its audit entry; what a passkey has not signed leaves nothing.
                raised = problem
            if self.how_signed.is_asking:
                transaction.set_rollback(True)
        if raised is not None:
            raise raised
        if self.how_signed.is_asking:
            raise acts_of_request.ask(self.request, self.how_signed, self.at)
        return done

    def _render(self, form: ActionForm, status: int) -> HttpResponse:
        context = {**self.page(form), "form": form, "form_key": form[KEY_FIELD]}
        return render(self.request, self.template_name, context, status=status)

    def _refused(self, form: ActionForm, status: int) -> HttpResponse:
        if self.template_name:
            return self._render(form, status)
        said = " ".join(str(text) for texts in form.errors.values() for text in texts)
        return refusals.answer(self.request, status, said)

    def _result_key(self, request: HttpRequest) -> str | None:
        key = request.POST.get(KEY_FIELD, "")
        if not key:
            return None
        view = request.resolver_match.view_name if request.resolver_match else ""
        return "action:" + hashlib.sha256(f"{self.actor.person}\n{view}\n{request.path}\n{key}".encode()).hexdigest()

    def _first_result(self, request: HttpRequest) -> HttpResponse | None:
        """The answer to a form that was carried out before, or None. Raises SentWithOtherValues."""
        name = self._result_key(request)
        found = cache.get(name) if name else None
        if found is None:
            return None
        if found["digest"] != _digest(request):
            raise SentWithOtherValues(
                "This form was sent already, with other values, and what was sent first is on record. "
                "Reload the page to see it; open the form anew to record another."
            )
        return leave_for(request, found["url"])

    def _remember(self, request: HttpRequest, done: Done) -> None:
        name = self._result_key(request)
        if name:
            cache.set(name, {"url": done.url, "digest": _digest(request)}, REMEMBERED_SECONDS)


def show(refusal: Refusal, form: forms.Form) -> None:
    """Put a refusal on the form: at its field when the form has it, else above the form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def together(form: forms.Form, *checks: Callable[[], Given]) -> list[Given]:
    """What every check gives. Their refusals are shown at once, each at its field; the last is raised for the answer.

    Every check is made, whatever the others say, so none may use anything up. A scan that stops is not kept back; a
    passkey that was not asked is a refusal like the others.
    """
    given, refused = [], []
    for check in checks:
        try:
            given.append(check())
        except ScanStops:
            raise
        except Refusal as refusal:
            refused.append(refusal)
    for one in refused[:-1]:
        show(one, form)
    if refused:
        raise refused[-1]
    return given


def both_signers(request: HttpRequest, form: forms.Form, *, roles: Collection[str]) -> tuple[Actor, Actor]:
    """The signed-in person and a second one in one of `roles`, who sign this form together.

    What is wrong with either is said at once, and no code is used before both are right: it is good once, and would be
    refused when the form comes again. Raises what `first_ready` and `second_ready` do, CodeWanted and KeyNotReleased.
    """
    first, second = together(
        form,
        lambda: signing.first_ready(request, form),
        lambda: signing.second_ready(request, form, roles=roles),
    )
    together(form, first.check_code, second.check_code)
    return first.sign(), second.sign()


def leave_for(request: HttpRequest, url: str) -> HttpResponse:
    """Go to `url` after a POST: 303 See Other, or htmx's redirect of the whole page."""
    if getattr(request, "htmx", False) and not request.htmx.boosted:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    if "X-Needlepoint-Queue" in request.headers or acts_of_request.PREPARE_HEADER in request.headers:
        # A script that follows a redirect reads the page, and with it the message that the person should see there.
        return HttpResponse(status=204, headers={"X-Needlepoint-Next": url})
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def _digest(request: HttpRequest) -> str:
    """What was sent, without what may differ between two presses of one button. Passwords stay out."""
    sent = {name: values for name, values in request.POST.lists() if name not in _NOT_COMPARED}
    files = {name: [(one.name, one.size) for one in many] for name, many in request.FILES.lists()}
    return hashlib.sha256(json.dumps([sent, files], sort_keys=True).encode()).hexdigest()
