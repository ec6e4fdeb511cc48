"""The full-screen stop after an answer that halts: it is on record already, and the page can be opened again."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from custody.contract.closing import HALT, HALTED
from custody.exceptions import queries as exceptions
from custody.therapies import queries as therapies
from ledger.errors import Conflict
from ledger.log.models import Record
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.actions.base import Done
from portal.actions.stopping import calls_at_a_stop
from portal.presenters import bedside


def after(record: Record, done: Done) -> Done:
    """Where a signed step leads: to the stop when its answer halted the therapy, else where the view says."""
    if record.type != HALTED:
        return done
    return Done(reverse("exception_halted", args=[exceptions.opened_by(record=record)]))


def halted(request: HttpRequest, exception: UUID) -> HttpResponse:
    """The stop of one halt: what was answered, and what to do now. A closed one leads to the exception."""
    by = actor_of(request)
    one = exceptions.exception(exception=exception, by=by)
    if one.kind != HALT:
        raise Conflict("This exception did not halt the therapy by an answer. Open it in the list of exceptions.")
    if one.closed_at is not None:
        return redirect("exception", exception=exception)
    step = therapies.protocol_of_therapy(therapy=one.therapy.id, by=by).step(one.step)
    names = party_names()
    of_courier = by.party_kind == "courier"
    context = {
        "one": one,
        "therapy": one.therapy,
        "stop": bedside.halted(one.finding, step, one.therapy, names),
        "calls": calls_at_a_stop(by, one.therapy, names),
        "exception_url": reverse("exception", args=[one.id]),
        "back_url": reverse("job" if of_courier else "therapy", args=[one.therapy.id]),
        "back_words": "Open the job" if of_courier else "Open the journey",
    }
    return render(request, "steps/halted.html", context)
