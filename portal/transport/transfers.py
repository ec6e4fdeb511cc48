"""Hand-overs on the way: from courier to courier, and from one driver to another of the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.urls import reverse

from custody.transport import operations, queries
from ledger.errors import Conflict
from ledger.parties.queries import parties, party_names
from portal.accounts.queries import names_of
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done, together
from portal.actions.stopping import check_seal, check_shipper
from portal.transport.holding import colleague_with, holders_of, may_pass_on

SCAN = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "data-scan": ""}


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
        self.colleague = colleague_with(found, self.actor, holders_of([found]))
        if not may_pass_on(self.colleague, self.actor):
            assert self.colleague is not None, "who has it passes it on"
            raise Conflict(self.colleague.refusal)

    def form_arguments(self) -> Mapping[str, Any]:
        known = parties("courier")
        others = [(str(one.id), f"{one.name}, {one.city}") for one in known if one.id != self.actor.party]
        own = [(str(one.id), f"A colleague of {one.name}") for one in known if one.id == self.actor.party]
        # In the holder's place a dispatcher offers to a colleague alone.
        return {"request": self.request, "others": own if self.colleague else own + others}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {
            "line": self.line,
            "therapy": self.line.therapy,
            "keeper": self.colleague.name if self.colleague else "you",
            "back_url": self._back(),
        }

    def act(self, form: ActionForm) -> Done:
        operations.offer_transfer(
            therapy=self.kwargs["therapy"],
            receiver=UUID(form.cleaned_data["receiver"]),
            seal=form.cleaned_data["seal"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
        )
        taker = "a colleague" if form.cleaned_data["receiver"] == str(self.actor.party) else "the other courier"
        keeper = self.colleague.name if self.colleague else "you"
        return Done(self._back(), f"Offered. The shipper stays with {keeper} until {taker} has scanned.")

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
