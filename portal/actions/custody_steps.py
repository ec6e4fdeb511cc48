"""Packing and hand-overs: the step's page with what custody asks beside the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from custody.exceptions import queries as exceptions
from custody.therapies.values import ValuesRefused
from custody.transport import operations as transport
from custody.transport import queries as shipments
from custody.transport.models import Handoff
from ledger.errors import Conflict
from ledger.log.models import Record
from portal.accounts.signing import first_signer
from portal.actions import halting
from portal.actions.base import ActionForm, ActionView, Done, together
from portal.actions.step_form import StepForm, VerifiedStepForm
from portal.actions.steps import StepView, at_fields
from portal.actions.stopping import check_seal, check_shipper
from portal.presenters.reckoned import FreshView, fresh_view
from portal.transport.holding import colleague_with, holders_of


def _text(label: str, hint: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "data-scan": ""})
    return forms.CharField(label=label, max_length=40, help_text=hint, widget=widget)


class PackFields(forms.Form):
    """What is packed into what, under which seal, with which logger."""

    container = _text("Scan the shipper or box")
    seal = _text("Scan or type the seal")
    logger = _text("Scan the logger", "Its serial number, such as L-0501. It has to be registered.")


class PackForm(PackFields, StepForm):
    pass


class VerifiedPackForm(PackFields, VerifiedStepForm):
    pass


class OwnScreen(StepView):
    """A step with a screen of its own: no way round through the general one."""

    kind: ClassVar[str] = ""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return ActionView.get(self, request, *args, **kwargs)

    def prepare(self) -> None:
        super().prepare()
        if self.step.kind != self.kind:
            raise Conflict(f"“{self.step.title}” is done on another screen. Open it from your worklist.")

    def signers(self, form: ActionForm) -> dict[str, Any]:
        by, second = self.signed_by(form)
        return {"by": by, "second": second}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return dict(super().page(form)) | {"fresh": self.fresh}

    @property
    def back_url(self) -> str:
        """Where this person follows the therapy: on the road, in the batch record, or in its journey."""
        therapy = self.journey.therapy
        if self.actor.party_kind == "courier":
            return reverse("job", args=[therapy.id])
        return reverse("batch" if therapy.maker == self.actor.party else "therapy", args=[therapy.id])

    def done(self, words: str, record: Record) -> Done:
        """Back to the therapy with these words; out of limits is said at once, and an answer that halts stops."""
        if exceptions.is_opened_beside(record=record):
            words += " It is out of limits: an exception is open for it."
        return halting.after(record, Done(self.back_url, words))

    @property
    def fresh(self) -> FreshView | None:
        """How long fresh cells still keep on the way that this step belongs to."""
        if self.step.leg is None:
            return None
        leg = self.journey.protocol.leg(self.step.leg)
        return fresh_view(self.journey.state, self.journey.protocol, leg, self.at)


class PackView(OwnScreen):
    """Pack the cells for a leg."""

    template_name: ClassVar[str] = "steps/pack.html"
    kind = "pack"

    @property
    def form_class(self) -> type[ActionForm]:  # type: ignore[override]
        return VerifiedPackForm if self.step.needs_second else PackForm

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return dict(super().page(form)) | {
            "leg": self.journey.protocol.leg(self.step.leg or ""),
            "pack_fields": [form[name] for name in ("container", "seal", "logger")],
        }

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, StepForm)
        given = form.cleaned_data
        try:
            record = transport.pack(
                therapy=self.journey.therapy.id,
                step=self.step.code,
                container=given["container"],
                seal=given["seal"],
                logger_serial=given["logger"],
                values=form.values,
                scans=form.scanned,
                occurred_at=form.occurred_at,
                at=self.at,
                key=form.key,
                **self.signers(form),
            )
        except ValuesRefused as refused:
            raise at_fields(refused, form) from None
        return self.done("Packed and sealed. The logger has started; hand over when the courier is here.", record)


class OfferForm(StepForm):
    """The holder reads the seal and hands over."""

    seal = _text("Scan or type the seal")


class OfferView(OwnScreen):
    """Hand the packed cells over to the next organisation."""

    template_name: ClassVar[str] = "steps/handover.html"
    kind = "offer"
    form_class = OfferForm

    def prepare(self) -> None:
        super().prepare()
        line = shipments.shipment_under_way(therapy=self.journey.therapy.id, by=self.actor)
        self.colleague = colleague_with(line, self.actor, holders_of([line]))
        if self.request.method == "POST" and self.colleague is not None:
            raise Conflict(self.colleague.refusal)

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        custody = self.journey.state["custody"]
        accept = next(
            (s for s in self.journey.protocol.steps if s.kind == "accept" and self.step.code in s.after), None
        )
        parties = self.journey.state["parties"]
        receiver = parties.get(accept.party) if accept and isinstance(parties, dict) else None
        return dict(super().page(form)) | {
            "custody": custody,
            "colleague": self.colleague,
            "receiver": UUID(receiver) if receiver else None,
            "touch": True,
            "giving": True,
        }

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, StepForm)
        record = transport.offer_handoff(
            therapy=self.journey.therapy.id,
            step=self.step.code,
            seal=self._seal(form.cleaned_data["seal"]),
            scans=form.scanned,
            occurred_at=form.occurred_at,
            at=self.at,
            key=form.key,
            by=first_signer(self.request, form),
        )
        return self.done("Offered. Custody stays with you until the receiver has scanned.", record)

    def _seal(self, scanned: str) -> str:
        custody = self.journey.state["custody"]
        assert isinstance(custody, dict)
        return check_seal(scanned, str(custody["seal"] or ""), therapy=self.journey.therapy, field="seal")


class AcceptView(OwnScreen):
    """Take over what is offered: scan the shipper and the seal."""

    template_name: ClassVar[str] = "steps/handover.html"
    kind = "accept"

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        handoff = self._handoff()
        return dict(super().page(form)) | {
            "custody": self.journey.state["custody"],
            "giver": handoff.giver_id,
            "handoff": handoff,
            "refusal_reasons": transport.REFUSAL_REASONS.items(),
            "touch": True,
        }

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, StepForm)
        custody = self.journey.state["custody"]
        assert isinstance(custody, dict)
        therapy, scanned = self.journey.therapy, form.scanned
        container, set_seal = str(custody["container"]), str(custody["seal"])
        *_, seal = together(
            form,
            lambda: check_shipper(scanned.get("shipper", container), container, therapy=therapy, field="scan_shipper"),
            lambda: check_seal(scanned.get("seal", ""), set_seal, therapy=therapy, field="scan_seal"),
        )
        try:
            record = transport.accept_handoff(
                handoff=self._handoff().id,
                seal=seal,
                scans=form.scanned | {"seal": seal},
                values=form.values,
                occurred_at=form.occurred_at,
                at=self.at,
                key=form.key,
                **self.signers(form),
            )
        except ValuesRefused as refused:
            raise at_fields(refused, form) from None
        return self.done("Taken over. Custody is yours now.", record)

    def _handoff(self) -> Handoff:
        custody = self.journey.state["custody"]
        assert isinstance(custody, dict)
        if custody["offer"] is None:
            raise Conflict("Nothing is offered to you at the moment. The holder hands over first; reload the page.")
        return Handoff.objects.get(pk=UUID(custody["offer"]["id"]))


class RefuseForm(ActionForm):
    """Why the receiver does not take over."""

    reason = forms.ChoiceField(label="Reason", choices=[("", "Choose"), *transport.REFUSAL_REASONS.items()])


class RefuseView(ActionView):
    """The receiver refuses; no page of its own."""

    form_class = RefuseForm

    def act(self, form: ActionForm) -> Done:
        record = transport.refuse_handoff(
            handoff=self.kwargs["handoff"],
            reason=form.cleaned_data["reason"],
            by=self.actor,
            at=self.at,
            key=form.key,
        )
        back = (
            reverse("home") if self.actor.party_kind == "courier" else reverse("therapy", args=[record.chain.subject])
        )
        return Done(back, "Refused. The giver still holds the cells and has been told.")
