"""Moving a booked chain to other dates: what is booked now beside what would fit, held, then moved all or none.

Once the cells are collected, what has begun stays and the rest moves together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils import timezone

from custody.contract.places import places_begun
from custody.scheduling import operations as scheduling
from custody.scheduling import queries as slots
from custody.scheduling.plan import SearchResult
from custody.therapies import queries as therapies
from custody.therapies.queries import Journey
from ledger.errors import BadInput, Conflict, NotPermitted
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.accounts.signing import first_signer
from portal.actions import slot_views
from portal.actions.base import ActionForm, ActionView, Done
from portal.actions.slots import HOLD_MINUTES, ChainForm, SearchForm, identifiers
from portal.contacts.queries import numbers_of

REASONS = [("", "Choose"), *((code, words.capitalize()) for code, words in scheduling.MOVE_REASONS.items())]
BETTER_THAN_NOTHING = 6
"""How many chains are offered: more than at the first booking, since fewer dates suit."""


class MoveForm(ChainForm):
    """The chain chosen, the chain it takes the place of, and whose plans changed."""

    act = forms.ChoiceField(choices=[("hold", "Hold"), ("move", "Move"), ("release", "Let go")])
    instead_of = forms.CharField(widget=forms.HiddenInput, required=False, max_length=600)
    reason = forms.ChoiceField(label="Whose plans changed?", choices=REASONS, required=False)

    def clean(self) -> dict[str, Any]:
        """A move needs its reason; holding and letting go need none."""
        given = super().clean() or self.cleaned_data
        if given.get("act") == "move" and not given.get("reason"):
            self.add_error("reason", "Say whose plans changed.")
        return given


class RestForm(SearchForm):
    """The search once the cells are collected: when the rest may begin. Maker and collection are settled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["earliest"].label = "Not before"
        del self.fields["fit_until"], self.fields["maker"]


def may_move(journey: Journey, actor: Actor) -> bool:
    """Whether the page has anything to show this person: something is booked, and not all of it has begun."""
    return actor.may("itinerary.search") and _closed_because(journey) == "" and actor.party_kind != "courier"


def _closed_because(journey: Journey) -> str:
    """Why nothing of the chain of a therapy can be moved any more, or that it cannot yet; empty when it can."""
    if journey.therapy.status != "active":
        return "This therapy has ended; its slots are let go already."
    if not journey.state["slots"]:
        return "Nothing is booked yet, so nothing can be moved. Choose a slot chain first."
    if places_begun(dict(journey.state), journey.protocol) == len(journey.protocol.slots):
        return "Everything that is booked has begun, so nothing is left to move."
    return ""


class MoveView(ActionView):
    """The booked chain of a therapy and where it could move."""

    template_name: ClassVar[str] = "orders/move.html"
    form_class = MoveForm

    def prepare(self) -> None:
        therapy: UUID = self.kwargs["therapy"]
        self.journey = therapies.journey(therapy=therapy, by=self.actor)
        closed = _closed_because(self.journey)
        if closed:
            raise Conflict(closed)
        booked = slots.booked_chain(therapy=therapy, by=self.actor, at=self.at)
        if booked is None:
            raise Conflict("The places booked are not one for each link of the chain. Call the consortium's office.")
        self.booked = booked
        self.begun = places_begun(dict(self.journey.state), self.journey.protocol)
        asked = self.request.GET.copy()
        asked.setdefault("earliest", timezone.localdate(self.at).isoformat())
        self.search = RestForm(asked) if self.begun else SearchForm(asked)
        self.criteria = self.search.criteria(self.at, limit=BETTER_THAN_NOTHING)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        therapy = self.journey.therapy.id
        found = slots.offers(therapy=therapy, by=self.actor, criteria=self.criteria, at=self.at)
        held = slots.held_chain(therapy=therapy, by=self.actor, at=self.at)
        if held and held.offer.slot_ids == self.booked.slot_ids:
            held = None
        others = [offer for offer in found.offers if offer.slot_ids != self.booked.slot_ids]
        line = slot_views.axis([self.booked, *others], held)
        assert line is not None, "the booked chain is on the axis"
        may = self.actor.may("itinerary.move") and self.actor.party == self.journey.therapy.centre
        effects = (
            slots.knock_on(therapy_id=therapy, slot_ids=held.offer.slot_ids, by=self.actor, at=self.at)
            if held and may
            else None
        )
        return {
            "therapy": self.journey.therapy,
            "begun": [slot.title for slot in self.booked.slots[: self.begun]],
            "collected_at": self.booked.collection_at,
            "journey": self.journey,
            "search": self.search,
            "result": found,
            "axis": line,
            "booked": slot_views.chain(self.booked, line),
            "held": slot_views.held(held, [self.booked, *others]) if effects and held else None,
            "changes": slot_views.changes(effects) if effects else None,
            "offers": [
                (slot_views.chain(offer, line), slot_views.infusion_moves(self.booked, offer))
                for offer in others
                if not (held and may and offer.slot_ids == held.offer.slot_ids)
            ],
            "alternatives": slot_views.offers(found.alternatives, None),
            "may_move": may,
            **self._whom_to_call(found),
            "back_url": reverse("therapy", args=[therapy]),
        }

    def _whom_to_call(self, found: SearchResult) -> dict[str, Any]:
        """Where nothing that is left finds dates: whose place is missing, and the numbers of everybody concerned."""
        if found.impasse is None:
            return {}
        state: dict[str, Any] = dict(self.journey.state)
        names, owner = party_names(), state["parties"].get(found.impasse.party)
        return {
            "owner": names.get(UUID(owner), "") if owner else "",
            "calls": numbers_of(self.journey, names, UUID(owner) if owner else None),
            "may_end": self.actor.may("therapy.end"),
        }

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, MoveForm)
        therapy = self.journey.therapy.id
        here = f"{reverse('therapy_move', args=[therapy])}?{self.request.GET.urlencode()}"
        if not self.actor.may("itinerary.move"):
            raise NotPermitted("The centre's coordinator moves a chain. Tell them which dates suit you.")
        if form.cleaned_data["act"] == "release":
            scheduling.release_hold(therapy_id=therapy, by=self.actor, at=self.at)
            return Done(f"{here}#chains", "Let go. What was booked is still booked.")
        if form.cleaned_data["act"] == "hold":
            scheduling.hold_chain(
                therapy_id=therapy, slots=form.slot_ids, by=self.actor, at=self.at, minutes=HOLD_MINUTES
            )
            return Done(f"{here}#held")
        if not form.cleaned_data["instead_of"]:
            raise BadInput("This page is not whole. Reload it and choose again.")
        scheduling.move_itinerary(
            therapy_id=therapy,
            slot_ids=form.slot_ids,
            reason=form.cleaned_data["reason"],
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
            criteria=self.criteria,
            instead_of=identifiers(form.cleaned_data["instead_of"]),
        )
        return Done(
            reverse("therapy", args=[therapy]),
            "Moved: all the new slots are booked, and those that they replace are free for others.",
        )
