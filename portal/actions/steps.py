"""One screen for every step of a protocol: what to scan, what to enter, who signs. Each kind has its operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from custody.contract.comparing import HeldTo
from custody.exceptions import queries as exceptions
from custody.protocols.document import Step
from custody.therapies import operations as therapies
from custody.therapies import queries
from custody.therapies.off_plan import is_dated
from custody.therapies.queries import Journey, Task
from custody.therapies.values import ValuesRefused
from ledger.errors import NotPermitted, Refusal
from ledger.log.models import Record
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from manufacturing.batches import operations as batches
from manufacturing.quality import operations as quality
from portal.accounts.roles import ROLES
from portal.accounts.signing import first_signer
from portal.actions import halting
from portal.actions.base import ActionForm, Done, both_signers, show
from portal.actions.dated import dated_form
from portal.actions.moving import may_move
from portal.actions.step_form import StepForm, StepValues, form_class_for
from portal.actions.stopping import StoppingView, calls_at_a_stop
from portal.contacts.queries import DutyLine
from portal.presenters import bedside
from portal.presenters import therapies as present
from portal.presenters.reckoned import reckoned_views
from portal.presenters.waits import wait_view

ELSEWHERE: Mapping[str, str] = {
    "booking": "therapy_slots",
    "label": "therapy_label",
    "payer_approval": "payer_decision",
    "pack": "shipment_pack",
    "offer": "handoff_offer",
    "accept": "handoff_accept",
    "acceptance": "material_intake",
    "process": "batch_step",
    "test": "batch_step",
    "review": "batch_sign_off",
    "release": "batch_sign_off",
}
"""Step kinds with a screen of their own."""
TOUCH_KINDS = frozenset({"bedside", "infusion"})
Operation = Callable[..., Record]
OPERATIONS: Mapping[str, Operation] = {
    "process": batches.perform_batch_step,
    "test": quality.record_test,
    **dict.fromkeys(therapies.GENERIC_KINDS, therapies.perform_step),
}


class StepView(StoppingView):
    """A step's page."""

    template_name: ClassVar[str] = "steps/step.html"
    journey: Journey
    task: Task
    step: Step

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.prepare()
        elsewhere = ELSEWHERE.get(self.step.kind)
        if elsewhere:
            arguments = [self.kwargs["therapy"]] + ([self.step.code] if elsewhere not in _WITHOUT_STEP else [])
            return redirect(reverse(elsewhere, args=arguments))
        return super().get(request, *args, **kwargs)

    def prepare(self) -> None:
        therapy: UUID = self.kwargs["therapy"]
        self.journey = queries.journey(therapy=therapy, by=self.actor)
        self.task, self.step = queries.step_to_do(therapy=therapy, step=self.kwargs["step"], by=self.actor)
        if self.request.method == "POST" and not self.task.mine:
            who = " or ".join(ROLES[role].name.lower() for role in self.step.roles)
            raise NotPermitted(f"“{self.step.title}” is signed by: {who}. Nothing was recorded.")
        if self.step.kind in TOUCH_KINDS:
            self.template_name = "steps/bedside.html"  # type: ignore[misc]

    @property
    def form_class(self) -> type[ActionForm]:  # type: ignore[override]
        if is_dated(self.step):
            return dated_form(verified=self.step.needs_second)
        return form_class_for(self.step)

    def form_arguments(self) -> Mapping[str, Any]:
        return {
            "step": self.step,
            "request": self.request,
            "coi": self.journey.therapy.coi,
            "items_named": self.journey.protocol.names_items,
            "bags": self.request.GET.get("bags", ""),
            "not_before": self.task.since,
            "held_to": HeldTo(self.journey.state, self.journey.protocol, self.step),
        }

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return step_page(self.journey, self.task, self.step, self.at) | {
            "can_move": may_move(self.journey, self.actor),
            "before": bedside.before(self.journey) if self.step.kind in TOUCH_KINDS else (),
            "stop_calls": self.stop_calls,
            "second_hint": f"Anyone on duty but {self.actor.name.split()[0]}",
            "back_url": self.back_url,
        }

    @property
    def stop_calls(self) -> list[DutyLine]:
        """Whom to call where an answer that halts is chosen; nobody where none does."""
        if not any(field.halts for field in self.step.fields):
            return []
        return calls_at_a_stop(self.actor, self.journey.therapy, party_names())

    def signed_by(self, form: ActionForm) -> tuple[Actor, Actor | None]:
        """Who signs, and who verifies where somebody has to; what is wrong with either is said at once."""
        if not self.step.needs_second:
            return first_signer(self.request, form), None
        return both_signers(self.request, form, roles=self.step.second_roles)

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, StepForm)
        by, second = self.signed_by(form)
        common: dict[str, Any] = {"therapy": self.journey.therapy.id, "by": by, "at": self.at, "key": form.key}
        try:
            if self.step.kind == "review":
                record = quality.review_batch(values=form.values, occurred_at=form.occurred_at, **common)
            elif self.step.kind == "release":
                record = quality.release_batch(values=form.values, occurred_at=form.occurred_at, **common)
            else:
                record = OPERATIONS[self.step.kind](
                    step=self.step.code,
                    values=form.values,
                    scans=form.scanned,
                    second=second,
                    started_at=form.started_at,
                    occurred_at=form.occurred_at,
                    **common,
                )
        except ValuesRefused as refused:
            raise at_fields(refused, form) from None
        said = "signed and on the ledger."
        if getattr(form, "off", None):
            said += " It was another day than booked: an exception is open for it."
            said += " Move the dates that follow." if self.step.kind == "collection" else ""
        elif exceptions.is_opened_beside(record=record):
            said += " It is out of limits: an exception is open for it."
        return halting.after(record, Done(self.back_url, f"{self.step.title}: {said}"))

    @property
    def back_url(self) -> str:
        """Where this person follows the therapy."""
        return reverse("therapy", args=[self.journey.therapy.id])


_WITHOUT_STEP = frozenset({"therapy_slots", "therapy_label", "payer_decision"})


def at_fields(refused: ValuesRefused, form: StepValues) -> Refusal:
    """Put each refused value's sentence at its own control; the last one is raised for the page's answer."""
    *others, (last_field, last) = refused.errors.items()
    for code, sentence in others:
        show(Refusal(sentence, field=form.name_of(code)), form)
    return ValuesRefused({form.name_of(last_field): last})


def step_page(journey: Journey, task: Task, step: Step, at: datetime) -> dict[str, Any]:
    """What every step's page shows beside its form."""
    done = journey.state["done"]
    assert isinstance(done, dict)
    of_stage = [known for known in journey.protocol.steps if known.stage == step.stage]
    return {
        "therapy": journey.therapy,
        "status": present.status_of(journey.therapy),
        "task": task,
        "step": step,
        "number": journey.protocol.steps.index(step) + 1,
        "count": len(journey.protocol.steps),
        "held": present.held_words(task),
        "wait": wait_view(journey.state, journey.protocol, step, at),
        "reckoned": reckoned_views(journey.state, journey.protocol, step, at),
        "halting_fields": [field.title for field in step.fields if field.halts],
        "patient": journey.patient,
        "stage_steps": [
            {
                "title": known.title,
                "state": "now" if known.code == step.code else "done" if known.code in done else "plan",
            }
            for known in of_stage
        ],
        "second_roles": [ROLES[code].name for code in step.second_roles],
        "next_steps": [known.title for known in journey.protocol.steps if step.code in known.after],
        "party_names": party_names(),
    }
