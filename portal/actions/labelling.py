"""Printing labels: which items of the therapy, one label each; a printed one is scanned, then it is signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.urls import reverse

from custody.contract.comparing import HeldTo
from custody.contract.items import LETTERS, MOST, NAMES, ONE_OF_A_KIND, Item, Label
from custody.contract.lifecycle import FILLED, MOST_LABELS
from custody.contract.worklist import held_reason
from custody.labels import operations as labels
from custody.labels.queries import Print, highest, prints
from custody.therapies import queries
from custody.therapies.values import ValuesRefused
from ledger.errors import BadInput
from ledger.parties.queries import party_names
from portal.accounts.signing import first_signer
from portal.actions import halting
from portal.actions.base import ActionForm, Done
from portal.actions.scan_fields import number_in
from portal.actions.step_form import StepForm
from portal.actions.steps import at_fields
from portal.actions.stopping import StoppingView
from portal.presenters.labels import label_views

LABEL_REASONS = [
    ("damaged", "The label is damaged"),
    ("lost", "The label is lost"),
    ("unreadable", "The label cannot be read"),
    ("second_bag", "There is a second bag"),
]
FILLED_REASON = (FILLED, "The product is filled: its first labels")
MANY: Mapping[str, str] = {
    "wristband": "Wristband",
    "order": "Order",
    "label": "Bags of collected cells",
    "bag": "Product bags",
    "cassette": "Cassettes",
}
FIRST_SET: Mapping[str, int] = {"wristband": 1, "order": 1, "label": 1, "bag": 0, "cassette": 0}
"""What is printed at first unless somebody says otherwise; the maker prints those of the product once it is filled."""


class LabelForm(StepForm):
    """Which labels are printed. A printed one is scanned: what is signed is that it was compared."""

    def __init__(self, *args: Any, printed: Sequence[Print], preview: QueryDict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.printed = printed
        self.preview = preview
        scanned = self.fields["scan_label"]
        scanned.label = "Printed label"
        scanned.error_messages["required"] = "Scan one of the printed labels, or type what stands on it."
        self.ask_items()

    def ask_items(self) -> None:
        raise NotImplementedError

    def items_from(self, given: Mapping[str, Any]) -> list[Item]:
        """The items that these values name, in order of their kinds and numbers."""
        raise NotImplementedError

    def attributes_of(self, kind: str) -> dict[str, str]:
        """Whichever of the printed ones was scanned, it is compared; each says what it is on."""
        return super().attributes_of(kind) | {"data-item": "".join(LETTERS.values())}

    def why_wrong(self, kind: str, label: Label) -> str:
        if label.item is None:
            return "This label is from before: it does not say what it is on. Scan one of those printed now."
        printed = self.items_from(self.cleaned_data)
        if not printed or label.item in printed:
            return ""
        return f"This is {label.item.named}, which is not printed here. Scan one of those printed now."

    @property
    def shown_items(self) -> list[Item]:
        """What the page shows to the printer: as it is entered by now, whether that can be printed or not."""
        given = {name: self.preview.get(name) or self[name].value() for name in self.item_names}
        return self.items_from(given)[:MOST_LABELS]

    @property
    def item_names(self) -> list[str]:
        raise NotImplementedError

    @property
    def item_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.item_names]


class FirstPrintForm(LabelForm):
    """The first print: how many labels of each kind."""

    def ask_items(self) -> None:
        for kind, count in FIRST_SET.items():
            most = 1 if kind in ONE_OF_A_KIND else MOST
            words = f"Say how many: 0 to {most}."
            self.fields[f"count_{kind}"] = forms.IntegerField(
                label=MANY[kind],
                min_value=0,
                max_value=most,
                initial=count,
                error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), words),
            )

    @property
    def item_names(self) -> list[str]:
        return [f"count_{kind}" for kind in FIRST_SET]

    def items_from(self, given: Mapping[str, Any]) -> list[Item]:
        counts = {kind: min(number_in(given.get(f"count_{kind}")), MOST) for kind in FIRST_SET}
        return [Item(kind, number) for kind, count in counts.items() for number in range(1, count + 1)]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not set(self.item_names) & set(self.errors):
            count = len(self.items_from(self.cleaned_data))
            if not 1 <= count <= MOST_LABELS:
                self.add_error("count_label", f"Print 1 to {MOST_LABELS} labels together; these are {count}.")
        return cleaned


class ReprintForm(LabelForm):
    """Printed again, or for more items: which kind, from which number, how many, and why."""

    def ask_items(self) -> None:
        reasons = [*LABEL_REASONS, FILLED_REASON] if self.items_named else LABEL_REASONS
        self.fields["reason"] = forms.ChoiceField(
            label="Why print again?",
            choices=[("", "Choose"), *reasons],
            error_messages={"required": "Give the reason of the reprint."},
        )
        self.fields["item"] = forms.ChoiceField(
            label="Which label?",
            choices=[("", "Choose"), *((kind, name.capitalize()) for kind, name in NAMES.items())],
            error_messages={"required": "Say which label."},
        )
        for name, label in (("number", "From number"), ("copies", "How many?")):
            words = f"A number from 1 to {MOST}."
            self.fields[name] = forms.IntegerField(
                label=label,
                min_value=1,
                max_value=MOST,
                initial=1,
                error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), words),
            )

    @property
    def item_names(self) -> list[str]:
        return ["item", "number", "copies"]

    def items_from(self, given: Mapping[str, Any]) -> list[Item]:
        kind = given.get("item") or "label"
        first, count = (max(number_in(given.get(name)), 1) for name in ("number", "copies"))
        if kind not in LETTERS:
            return []
        return [Item(kind, number) for number in range(first, min(first + count - 1, MOST) + 1)]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        kind, first, count = (self.cleaned_data.get(name) for name in self.item_names)
        if kind and first and count:
            most = 1 if kind in ONE_OF_A_KIND else MOST
            if first + count - 1 > most:
                one = f"There is one {NAMES[kind]}: number 1." if most == 1 else f"Numbers go up to {MOST}."
                self.add_error("copies", one)
        return cleaned


class LabelView(StoppingView):
    """The therapy's labels: printed on paper, one scanned to compare, then signed."""

    template_name: ClassVar[str] = "labels/label.html"

    def prepare(self) -> None:
        therapy: UUID = self.kwargs["therapy"]
        self.journey = queries.journey(therapy=therapy, by=self.actor)
        step = self.journey.protocol.step_of_kind("label")
        if step is None:
            raise BadInput("This therapy's protocol has no label to print.")
        self.step = step
        self.printed = prints(self.journey)

    @property
    def form_class(self) -> type[ActionForm]:  # type: ignore[override]
        return ReprintForm if self.printed else FirstPrintForm

    def form_arguments(self) -> Mapping[str, Any]:
        asked = replace(self.step, scans=("label",), fields=() if self.printed else self.step.fields)
        return {
            "request": self.request,
            "step": asked,
            "held_to": HeldTo(self.journey.state, self.journey.protocol, asked),
            "coi": self.journey.therapy.coi,
            "items_named": self.journey.protocol.names_items,
            "timed": False,
            "printed": self.printed,
            "preview": self.request.GET,
        }

    def initial(self) -> Mapping[str, Any]:
        """A maker comes here when the product is filled; the next number of its bags is ready."""
        if self.printed and self.actor.party == self.journey.therapy.maker:
            number = min(highest("bag", self.printed) + 1, MOST)
            return {"item": "bag", "number": number, "reason": FILLED if self.journey.protocol.names_items else ""}
        return {}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        assert isinstance(form, LabelForm)
        coi = self.journey.therapy.coi
        return {
            "therapy": self.journey.therapy,
            "journey": self.journey,
            "step": self.step,
            "printed": self.printed,
            "labels": label_views(coi, form.shown_items, self.printed),
            "centre": party_names().get(self.journey.therapy.centre, ""),
            "reasons": dict([*LABEL_REASONS, FILLED_REASON]),
            "ready": any(task.step == self.step.code and task.mine for task in self.journey.tasks),
            "halted": held_reason(self.journey.state, self.step) != "",
            "back_url": reverse("therapy", args=[self.journey.therapy.id]),
        }

    def act(self, form: ActionForm) -> Done:
        assert isinstance(form, LabelForm)
        by = first_signer(self.request, form)
        therapy = self.journey.therapy.id
        given: dict[str, Any] = {"items": form.items_from(form.cleaned_data), "by": by, "at": self.at, "key": form.key}
        record = None
        if self.printed:
            labels.reprint_label(therapy=therapy, reason=form.cleaned_data["reason"], **given)
        else:
            try:
                record = labels.print_label(therapy=therapy, values=form.values, **given)
            except ValuesRefused as refused:
                raise at_fields(refused, form) from None
        done = Done(reverse("therapy_label", args=[therapy]), "On the ledger: printed, and compared by scan.")
        return halting.after(record, done) if record is not None else done
