"""The full-screen stop: recorded at once, and nothing else on the screen until two people have looked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from custody.exceptions import queries as exceptions
from custody.exceptions.operations import stop_identity
from custody.labels.barcode import coi_in
from custody.protocols.document import Step
from custody.therapies.queries import Journey, TherapyLine
from custody.transport import queries as transport
from custody.transport.codes import plain
from ledger.errors import BadInput
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.actions.base import KEY_FIELD, ActionView, ScanStops
from portal.contacts.queries import DutyLine, duty_numbers
from portal.presenters import bedside

CALLS_AT_A_STOP = 2


class StoppingView(ActionView):
    """An act that scans identities: one of another therapy halts this one, and the page becomes the stop."""

    journey: Journey
    step: Step

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except ScanStops as stop:
            return full_stop(request, stop, therapy=self.journey.therapy, step=self.step, by=self.actor, at=self.at)


def full_stop(
    request: HttpRequest, stop: ScanStops, *, therapy: TherapyLine, step: Step, by: Actor, at: datetime
) -> HttpResponse:
    """Halt the therapy on the ledger and answer with the stop."""
    stop_identity(
        therapy=therapy.id,
        kind=stop.kind,
        scanned=stop.scanned,
        step=step.code,
        by=by,
        at=at,
        key=f"stop-{request.POST.get(KEY_FIELD, '')}"[:90],
    )
    found = exceptions.of_therapy(therapy=therapy.id, by=by)
    recorded = next((one for one in found if one.kind == "identity_stop" and one.closed_at is None), None)
    names = party_names()
    of_courier = by.party_kind == "courier"
    context = {
        "therapy": therapy,
        "expected": stop.expected or therapy.coi,
        "stop": bedside.stopped(stop.kind, step, therapy, names),
        "scanned": stop.scanned,
        "at": at,
        "calls": calls_at_a_stop(by, therapy, names),
        "exception_url": reverse("exception", args=[recorded.id]) if recorded else "",
        "back_url": reverse("job" if of_courier else "therapy", args=[therapy.id]),
        "back_words": "Open the job" if of_courier else "Open the journey",
    }
    return render(request, "steps/stop.html", context, status=409)


def calls_at_a_stop(by: Actor, therapy: TherapyLine, names: Mapping[UUID, str]) -> list[DutyLine]:
    """Two numbers and no more, since nothing is scrolled here: the own desk, then the other side's."""
    others = (therapy.centre, therapy.maker) if by.party_kind == "courier" else (therapy.maker, therapy.centre)
    return [one for one in duty_numbers([by.party, *others], names) if one.number][:CALLS_AT_A_STOP]


def check_shipper(scanned: str, recorded: str, *, therapy: TherapyLine | None, field: str) -> str:
    """The shipper on record, when that is what was scanned.

    Raises ScanStops when it is on its way for another therapy, BadInput when nobody knows it. `therapy` is None for a
    courier that does not take part yet: it halts nothing, and refuses.
    """
    if scanned.strip().casefold() != recorded.casefold():
        if therapy is not None:
            _stop_if_anothers("shipper", scanned, recorded, therapy)
        raise BadInput(
            "This is not the shipper on record. Scan it again; if it is another, do not hand it on: call QA.",
            field=field,
        )
    return recorded


def check_seal(scanned: str, recorded: str, *, therapy: TherapyLine | None, field: str) -> str:
    """The seal on record, when that is what was scanned; blanks do not count. Raises as `check_shipper`."""
    if plain(scanned) != plain(recorded):
        if therapy is not None:
            _stop_if_anothers("seal", scanned, recorded, therapy)
        raise BadInput(
            "This is not the seal on record. Scan it again; if it is another, do not hand it on: call QA.", field=field
        )
    return recorded


def _stop_if_anothers(kind: str, scanned: str, recorded: str, therapy: TherapyLine) -> None:
    """A misread code is scanned again; what is known to be another patient's halts everything (DOMAIN, step 12)."""
    coi = coi_in(scanned)
    if (coi and coi != therapy.coi) or transport.is_anothers(kind=kind, scanned=scanned, therapy=therapy.id):
        raise ScanStops(kind, coi or scanned.strip(), expected=therapy.coi if coi else recorded)
