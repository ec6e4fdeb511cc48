"""Publishing places for a range of days: looked at first, then offered or withdrawn, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from custody.scheduling.models import SlotKind
from custody.scheduling.permissions import KINDS_OF
from custody.scheduling.publishing import (
    InUse,
    NewSlot,
    Preview,
    SlotInUse,
    known_places,
    offered_of,
    preview_slots,
    publish_slots,
    withdraw_slots,
)
from custody.scheduling.ranges import PlaceRange, resources_in, slots_of
from ledger.errors import BadInput, Refusal
from portal.actions.base import KEY_FIELD, ActionForm, ActionView, Done, fresh_key, show
from portal.templatetags.np_numbers import grouped

WEEKDAYS = [(str(number), name) for number, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))]
EXAMPLES: Mapping[str, tuple[str, str, str, str, bool]] = {
    "treatment_centre": ("chair 1 to 4", "08:00", "7", "hours", False),
    "manufacturer": ("suite A\nsuite B", "09:00", "14", "days", False),
    "courier": ("van 8", "15:30", "2", "hours", True),
}
"""What the form opens with, by kind of organisation: places, hours, length, its unit, and whether weekends count."""
IN_USE_SHOWN = 40
DATE = {"type": "date"}


class PublishForm(ActionForm):
    """Which places, on which days, at which hours, for how long."""

    kind = forms.ChoiceField(label="Kind of place")
    resources = forms.CharField(
        label="Places",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line, or a row of them such as “chair 1 to 4”.",
    )
    first = forms.DateField(label="First day", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    last = forms.DateField(label="Last day", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    weekdays = forms.MultipleChoiceField(
        label="On", choices=WEEKDAYS, widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose a day."}
    )
    starts = forms.CharField(label="Begins at", max_length=200, help_text="Such as 08:00, or 08:00, 13:30.")
    length = forms.DecimalField(label="Lasts at most", min_value=0.25, max_value=2400, max_digits=6, decimal_places=2)
    unit = forms.ChoiceField(label="In", choices=[("hours", "hours"), ("days", "days")])
    capacity = forms.IntegerField(label="Bookings that fit at once", min_value=1, max_value=1000)
    act = forms.ChoiceField(
        choices=[("preview", "Look"), ("publish", "Publish"), ("preview-withdraw", "Look"), ("withdraw", "Withdraw")]
    )

    def __init__(self, *args: Any, kinds: list[tuple[str, str]], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]

    def clean_first(self) -> date:
        first: date = self.cleaned_data["first"]
        if first < self.today:
            raise forms.ValidationError("This day is past. Begin today or later.")
        return first

    def clean_starts(self) -> tuple[time, ...]:
        found = []
        for part in self.cleaned_data["starts"].replace(";", ",").split(","):
            try:
                found.append(time.fromisoformat(part.strip()))
            except ValueError:
                raise forms.ValidationError(f"“{part.strip()[:20]}” is no hour of the day, such as 08:00.") from None
        if any(start.tzinfo for start in found):
            raise forms.ValidationError("Hours are those of your own clock: no zone.")
        return tuple(found)

    def slots(self, zone: ZoneInfo) -> list[NewSlot]:
        """The slots of this form, in the organisation's zone. Raises BadInput."""
        given = self.cleaned_data
        hours = float(given["length"]) * (24 if given["unit"] == "days" else 1)
        return slots_of(
            PlaceRange(
                kind=given["kind"],
                resources=resources_in(given["resources"]),
                first=given["first"],
                last=given["last"],
                weekdays=frozenset(int(day) for day in given["weekdays"]),
                starts=given["starts"],
                length=timedelta(hours=hours),
                capacity=given["capacity"],
            ),
            zone,
        )


class PublishView(ActionView):
    """Offer places, or offer them no longer."""

    template_name: ClassVar[str] = "batches/publish.html"
    form_class = PublishForm
    preview: Preview | None = None
    in_use: tuple[InUse, ...] = ()
    withdrawing = False

    def prepare(self) -> None:
        self.zone = ZoneInfo(timezone.get_current_timezone_name())
        self.kinds = [(code, SlotKind(code).label) for code in SlotKind.values if code in self._own_kinds()]
        if not self.kinds:
            raise BadInput("Your organisation offers no places.")

    def _own_kinds(self) -> frozenset[str]:
        return KINDS_OF.get(self.actor.party_kind, frozenset())

    def initial(self) -> Mapping[str, Any]:
        places, starts, length, unit, weekends = EXAMPLES[self.actor.party_kind]
        today = timezone.localdate(self.at)
        return {
            "resources": places,
            "first": today + timedelta(days=1),
            "last": today + timedelta(days=28),
            "weekdays": [code for code, _ in (WEEKDAYS if weekends else WEEKDAYS[:5])],
            "starts": starts,
            "length": length,
            "unit": unit,
            "capacity": 1,
        }

    def form_arguments(self) -> Mapping[str, Any]:
        return {"kinds": self.kinds, "today": timezone.localdate(self.at)}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        in_use = self.in_use or (self.preview.in_use if self.preview else ())
        return {
            "preview": self.preview,
            "withdrawing": self.withdrawing,
            "in_use": in_use[:IN_USE_SHOWN],
            "in_use_more": max(0, len(in_use) - IN_USE_SHOWN),
            "known": self._known(),
            "back_url": reverse("capacity"),
        }

    def _known(self) -> list[tuple[str, tuple[str, ...]]]:
        """What is offered or was, under the words of its kind: a place that is named again keeps this spelling."""
        known = known_places(by=self.actor)
        return [(words, known[kind]) for kind, words in self.kinds if kind in known]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A look changes nothing, so it has no result to remember: the page again, with what would happen."""
        self.withdrawing = request.POST.get("act", "").endswith("withdraw")
        if not request.POST.get("act", "").startswith("preview"):
            return super().post(request, *args, **kwargs)
        self.prepare()
        sent = request.POST.copy()
        sent[KEY_FIELD] = fresh_key()
        form = self.form_class(sent, **self.form_arguments())
        if not form.is_valid():
            return self._render(form, 422)
        try:
            self.preview = preview_slots(slots=form.slots(self.zone), by=self.actor, withdraw=self.withdrawing)
        except Refusal as refusal:
            show(refusal, form)
            return self._render(form, refusal.status)
        return self._render(form, 200)

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, PublishForm)
        slots = form.slots(self.zone)
        try:
            if self.withdrawing:
                ids = offered_of(slots=slots, by=self.actor)
                count = withdraw_slots(slot_ids=ids, by=self.actor, at=self.at)
                said = f"{grouped(count)} place{'' if count == 1 else 's'} offered no longer."
            else:
                done = publish_slots(slots=slots, by=self.actor, at=self.at)
                said = (
                    f"Published: {grouped(done.created)} new, {grouped(done.changed)} changed, "
                    f"{grouped(done.unchanged)} as they were."
                )
        except SlotInUse as refused:
            self.in_use = refused.slots
            raise
        return Done(f"{reverse('capacity')}?week={form.cleaned_data['first'].isoformat()}", said)
