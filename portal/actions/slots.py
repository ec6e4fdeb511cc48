"""Choosing a slot chain: whole chains offered on one screen, held for a few minutes, booked all or none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils import timezone

from custody.scheduling import operations as scheduling
from custody.scheduling import queries as slots
from custody.scheduling.plan import Criteria, Sort
from custody.therapies import queries as therapies
from ledger.clock import parse_stamp
from ledger.errors import BadInput, Conflict
from ledger.parties.queries import parties
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions import slot_views
from portal.actions.base import ActionForm, ActionView, Done
from portal.templatetags.np_numbers import spelled

HOLD_MINUTES = 12


class SearchForm(forms.Form):
    """What the search takes; all of it optional."""

    earliest = forms.DateField(
        label="Earliest collection", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    fit_until = forms.DateField(
        label="Patient is fit until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    maker = forms.ChoiceField(label="Maker", required=False)
    sort = forms.ChoiceField(
        label="Sort by",
        required=False,
        choices=[
            ("soonest", "Soonest infusion"),
            ("nearest", "Nearest maker"),
            ("slack", "Most slack"),
            ("shortest", "Shortest"),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        makers = [(str(maker.id), maker.name) for maker in parties("manufacturer")]
        self.fields["maker"].choices = [("", "Any with this therapy"), *makers]  # type: ignore[attr-defined]

    def criteria(self, at: datetime, *, limit: int = 3) -> Criteria:
        """The search's criteria; a field that is wrong is left out and named on the page."""
        given = self.cleaned_data if self.is_valid() else {}
        earliest = given.get("earliest")
        return Criteria(
            earliest=max(at, _start(earliest)) if earliest else at + timedelta(days=1),
            fit_until=_start(given["fit_until"]) + timedelta(days=1) if given.get("fit_until") else None,
            maker=UUID(given["maker"]) if given.get("maker") else None,
            sort=Sort(given.get("sort") or "soonest"),
            limit=limit,
        )


def _start(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(0)))


def identifiers(text: str) -> list[UUID]:
    """The slots that a hidden field names, in order. Raises BadInput."""
    try:
        return [UUID(part) for part in text.split(",") if part]
    except ValueError:
        raise BadInput("This page is not whole. Reload it and choose again.") from None


class ChainForm(SigningMixin, ActionForm):
    """The chain chosen: its slots in the protocol's order, and whether to hold, book or let go."""

    slots = forms.CharField(widget=forms.HiddenInput, required=False, max_length=600)
    act = forms.ChoiceField(choices=[("hold", "Hold"), ("book", "Book"), ("release", "Let go")])

    def add_error(self, field: str | None, error: Any) -> None:
        """Slots are no field to mend: what is wrong with them stands above the chains."""
        super().add_error(None if field == "slots" else field, error)

    @property
    def is_signed(self) -> bool:
        """Slots are held and let go without a signature."""
        return self.data.get("act") not in {"hold", "release"}

    @property
    def slot_ids(self) -> list[UUID]:
        return identifiers(self.cleaned_data["slots"])


class SlotsView(ActionView):
    """The slot chain of a therapy."""

    template_name: ClassVar[str] = "orders/slots.html"
    form_class = ChainForm

    def prepare(self) -> None:
        therapy: UUID = self.kwargs["therapy"]
        self.journey = therapies.journey(therapy=therapy, by=self.actor)
        step = self.journey.protocol.step_of_kind("booking")
        done = self.journey.state["done"]
        assert isinstance(done, dict)
        if step is None:
            raise BadInput("This therapy's protocol books no slots.")
        self.step = step
        if step.code in done:
            raise Conflict(
                "The slot chain is booked already. Open the journey to see it, or to move it to other dates."
            )
        asked = self.request.GET.copy()
        asked.setdefault("earliest", timezone.localdate(self.at + timedelta(days=1)).isoformat())
        self.search = SearchForm(asked)
        self.criteria = self.search.criteria(self.at)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        therapy = self.journey.therapy.id
        found = slots.offers(therapy=therapy, by=self.actor, criteria=self.criteria, at=self.at)
        held = slots.held_chain(therapy=therapy, by=self.actor, at=self.at)
        ready = any(task.step == self.step.code and task.mine for task in self.journey.tasks)
        return {
            "therapy": self.journey.therapy,
            "journey": self.journey,
            "search": self.search,
            "result": found,
            "axis": slot_views.axis(found.offers, held),
            "held": slot_views.held(held, found.offers) if held else None,
            "offers": slot_views.offers(found.offers, held),
            "ready": ready,
            "alternatives": slot_views.offers(found.alternatives, None),
            "stages": self._way(len(found.offers)),
            "back_url": reverse("therapy", args=[therapy]),
        }

    def _way(self, fitting: int) -> list[dict[str, str]]:
        """From patient to labels: where this page stands."""
        done = self.journey.state["done"]
        assert isinstance(done, dict)
        payer = self.journey.protocol.step_of_kind("payer_approval")
        approved = done.get(payer.code) if payer else None
        when = timezone.localtime(parse_stamp(approved["at"])).strftime("%-d %b") if approved else ""
        return [
            {"name": "Patient and therapy", "state": "done", "note": "ordered"},
            {
                "name": "Eligibility and payer",
                "state": "done" if approved else "now",
                "note": f"approved {when}" if approved else "the payer has been asked",
            },
            {"name": "Slot chain", "state": "now" if approved else "plan", "note": f"{spelled(fitting)} fit"},
            {"name": "Confirm and print labels", "state": "plan", "note": ""},
        ]

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, ChainForm)
        therapy = self.journey.therapy.id
        here = f"{reverse('therapy_slots', args=[therapy])}?{self.request.GET.urlencode()}"
        if form.cleaned_data["act"] == "release":
            scheduling.release_hold(therapy_id=therapy, by=self.actor, at=self.at)
            return Done(f"{here}#chains", "Let go: others can book these slots again.")
        if form.cleaned_data["act"] == "hold":
            scheduling.hold_chain(
                therapy_id=therapy, slots=form.slot_ids, by=self.actor, at=self.at, minutes=HOLD_MINUTES
            )
            return Done(f"{here}#held")
        scheduling.book_itinerary(
            therapy_id=therapy,
            slot_ids=form.slot_ids,
            by=first_signer(self.request, form),
            at=self.at,
            key=form.key,
            criteria=self.criteria,
        )
        return Done(
            reverse("therapy", args=[therapy]),
            "All slots are booked, and stand on the worklists of everyone concerned.",
        )
