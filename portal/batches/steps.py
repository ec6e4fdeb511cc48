"""The maker's steps on screens of their own: the bench, the intake of material, review and release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from custody.telemetry import queries as telemetry
from ledger.errors import Conflict
from manufacturing.batches import queries as batches
from manufacturing.batches.models import Batch
from portal.actions.base import ActionForm, ActionView, fresh_key
from portal.actions.steps import StepView
from portal.batches.views import record_page
from portal.journeys.presenter import zone
from portal.presenters import therapies as present
from portal.transport.presenter import VERDICTS


class MakersScreen(StepView):
    """A step with a screen of its own, for some kinds of step only."""

    kinds: ClassVar[frozenset[str]] = frozenset()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return ActionView.get(self, request, *args, **kwargs)

    def prepare(self) -> None:
        super().prepare()
        if self.step.kind not in self.kinds:
            raise Conflict(f"“{self.step.title}” is done on another screen. Open it from your worklist.")

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        batch = Batch.objects.filter(therapy_id=self.journey.therapy.id).values_list("number", flat=True).first()
        return dict(super().page(form)) | {"batch_number": batch or "", "back_url": self.back_url, "touch": False}

    @property
    def back_url(self) -> str:
        """The batch record for the maker, the journey for anybody else."""
        therapy = self.journey.therapy
        return reverse("batch" if therapy.maker == self.actor.party else "therapy", args=[therapy.id])


class BenchView(MakersScreen):
    """A process step or a release test at the bench, for tablets with gloves."""

    template_name: ClassVar[str] = "batches/bench.html"
    kinds = frozenset({"process", "test"})

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        protocol, state = self.journey.protocol, self.journey.state
        done = state["done"]
        assert isinstance(done, dict)
        following = [step for step in protocol.steps if self.step.code in step.after]
        return dict(super().page(form)) | {
            "following": following,
            "open_exceptions": [
                {"kind": present.exception_words(str(one["kind"])), "id": code}
                for code, one in dict(state["exceptions"]).items()  # type: ignore[call-overload]
            ],
            "lots": [bound for bound in form if _is_code(self.step, bound.name)],
            "measured": [bound for bound in form if _is_measured(self.step, bound.name)],
        }


def _is_code(step: Any, name: str) -> bool:
    field = step.field(name.removeprefix("value_")) if name.startswith("value_") else None
    return field is not None and field.kind == "code"


def _is_measured(step: Any, name: str) -> bool:
    return name.startswith("value_") and not _is_code(step, name)


class IntakeView(MakersScreen):
    """Judging material after a leg: its identity, and what its logger measured on the way."""

    template_name: ClassVar[str] = "batches/intake.html"
    kinds = frozenset({"acceptance"})

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        leg, therapy = self.step.leg or "", self.journey.therapy.id
        found = telemetry.leg_readings(by=self.actor, therapy=therapy, leg=leg, at=self.at)
        return dict(super().page(form)) | {
            "leg": found.leg,
            "report": found.report,
            "verdict": VERDICTS[found.report.verdict],
            "chart": telemetry.chart(by=self.actor, therapy=therapy, leg=leg, at=self.at, zone=zone()),
            "shipment": found.shipment,
            "is_committed": found.is_committed,
            "commit_key": fresh_key(),
            "may_commit": self.actor.may("readings.commit"),
            "may_upload": self.actor.may("readings.upload"),
        }


class SignOffView(MakersScreen):
    """Review by QA and release by the Qualified Person: exceptions open, all else folded away with its count."""

    template_name: ClassVar[str] = "batches/sign_off.html"
    kinds = frozenset({"review", "release"})

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        found = batches.batch_record(therapy=self.journey.therapy.id, by=self.actor)
        shown = record_page(found)
        return (
            shown
            | dict(super().page(form))
            | {
                "is_release": self.step.kind == "release",
                "may_end": self.actor.may("therapy.end"),
                "printed_at": self.at,
            }
        )
