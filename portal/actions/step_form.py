"""The form of a protocol's step: its scans, its fields, its times and its signatures, all from the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from custody.contract.comparing import Held, HeldTo
from custody.protocols.document import Field, Step
from custody.protocols.parts import unit_after
from custody.protocols.possible import possible
from custody.therapies.values import ValuesRefused, check, impossible
from ledger.clock import now
from ledger.log.entries import MAX_CLOCK_SKEW
from portal.accounts.signed_forms import SecondPersonMixin, SigningMixin
from portal.actions.answers import HaltingRadios, HaltingSelect
from portal.actions.base import ActionForm
from portal.actions.scan_fields import ScanFields
from portal.presenters.figures import unbroken

YES_OR_NO = [("yes", "Yes"), ("no", "No")]
DATE_TIME = "%Y-%m-%dT%H:%M"


class StepValues(forms.Form):
    """The values of a step, a control for each of its fields."""

    step: Step
    held_to: HeldTo | None = None
    """What the step's figures are held to, where the page knows the therapy."""
    standing: Mapping[str, str] | None = None
    """What stands already, on a form that corrects."""

    def name_of(self, code: str) -> str:
        """The control of a field of the step; a form that asks for a value in a control of its own names that."""
        return f"value_{code}"

    def ask_values(self) -> None:
        """Add the controls that are not there yet; the constructor says when, for so they stand on the page."""
        for field in self.asked:
            control = self.fields.setdefault(self.name_of(field.code), control_for(field))
            if self.held_to is not None and field.bounds:
                hold(control, self.held_to.held(field))

    def check_values(self) -> None:
        """Say of every value at once what the protocol does not take, each at its control."""
        try:
            check(self.step, self.values, held_to=self.held_to, standing=self.standing)
        except ValuesRefused as refused:
            for code, sentence in refused.errors.items():
                name, field = self.name_of(code), self.step.field(code)
                if field is not None and name in self.fields and name not in self.errors:
                    self.add_error(name, without_title(sentence, field))
                    if _is_of_bound(sentence, field):
                        self[name].help_text = field.hint  # the refusal names the other figure; not twice

    @property
    def asked(self) -> list[Field]:
        """The fields that somebody fills in: what is reckoned from the records is asked of nobody."""
        return [field for field in self.step.fields if field.reckoned is None]

    @property
    def value_fields(self) -> list[forms.BoundField]:
        return [self[self.name_of(field.code)] for field in self.asked]

    @property
    def values(self) -> dict[str, str]:
        """What was entered, by the protocol's field codes; empty ones left out."""
        given = {field.code: self.cleaned_data.get(self.name_of(field.code)) for field in self.asked}
        return {code: str(value) for code, value in given.items() if value not in (None, "")}


class StepForm(StepValues, ScanFields, SigningMixin, ActionForm):
    """A step that one person signs. `scans` and `values` are what the operation takes."""

    def __init__(
        self,
        *args: Any,
        step: Step,
        request: HttpRequest,
        items_named: bool,
        coi: str = "",
        bags: str = "",
        timed: bool = True,
        not_before: datetime | None = None,
        held_to: HeldTo | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, request=request, **kwargs)
        self.step = step
        self.held_to = held_to
        self.coi = coi
        self.items_named = items_named
        self.not_before = not_before
        self.ask_scans(bags)
        self.ask_values()
        if timed:
            for name, label in (("started_at", "Started"), ("occurred_at", "Ended")):
                self.fields[name] = forms.DateTimeField(
                    label=label,
                    required=False,
                    input_formats=[DATE_TIME],
                    widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=DATE_TIME),
                    help_text="Now, unless you say otherwise.",
                )

    def clean(self) -> dict[str, Any] | None:
        """Compare what was scanned before anything else: another therapy's identity stops, whatever else is missing.

        Raises ScanStops, through `is_valid`.
        """
        cleaned = super().clean()
        self.compare_scans()
        self.check_values()
        self._check_times()
        return cleaned

    def _check_times(self) -> None:
        """The same that the rules say of the times, so that it is said with all the rest."""
        at = now()
        started, ended = self.started_at, self.occurred_at
        if ended is not None and ended > at + MAX_CLOCK_SKEW:
            self.add_error("occurred_at", "This lies in the future. Write when it was.")
        elif started is not None and started > (ended or at):
            self.add_error("started_at", "The step ends before it starts. Check the two times.")
        first = started or ended
        if first is not None and self.not_before is not None and first < self.not_before:
            when = timezone.localtime(self.not_before)
            self.add_error(
                "started_at" if started else "occurred_at",
                f"The step before it ended at {when:%H:%M} on {when.day} {when:%B}. Check the time.",
            )

    @property
    def times_given(self) -> bool:
        """Whether a time was typed, or is wrong: what holds it stays open then."""
        return self.is_bound and any(field.data or field.errors for field in self.time_fields)

    @property
    def time_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("started_at", "occurred_at") if name in self.fields]

    @property
    def started_at(self) -> datetime | None:
        return self.cleaned_data.get("started_at")

    @property
    def occurred_at(self) -> datetime | None:
        return self.cleaned_data.get("occurred_at")


class VerifiedStepForm(SecondPersonMixin, StepForm):
    """A step that a second person verifies on the same screen."""

    @property
    def second_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("second_email", "second_password", "second_code")]


def form_class_for(step: Step) -> type[StepForm]:
    return VerifiedStepForm if step.needs_second else StepForm


def control_for(field: Field) -> forms.Field:
    """The form control of a protocol's field. Its form is checked by the domain, which names what would be right."""
    common: dict[str, Any] = {
        "label": field.title,
        "required": field.required,
        "help_text": field.hint,
        "error_messages": {"required": "This is missing."},
    }
    if field.kind == "choice":
        select = HaltingSelect(_halting(field)) if field.halts else forms.Select()
        offered = [("", "Choose"), *((c, c) for c in field.choices)]
        control: forms.Field = forms.ChoiceField(choices=offered, widget=select, **common)
    elif field.kind == "check":
        radios = HaltingRadios(_halting(field)) if field.halts else forms.RadioSelect()
        control = forms.ChoiceField(choices=YES_OR_NO, widget=radios, **common)
    elif field.kind == "text":
        control = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 2}), **common)
    else:
        # A lot or a device is often scanned; a scan that was meant for another place does not land in it.
        mode = {"inputmode": "decimal"} if field.kind == "decimal" else {"data-scan": "own"}
        control = forms.CharField(
            max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off", **mode}), **common
        )
        control.validators.append(partial(_check_possible, field))
    control.halts = field.halts  # type: ignore[attr-defined]
    control.limits = limits_of(field)  # type: ignore[attr-defined]
    control.unit = unit_after(field.unit)  # type: ignore[attr-defined]
    if field.kind == "decimal":
        control.low, control.high = field.low, field.high  # type: ignore[attr-defined]
        control.least, control.most = possible(field)  # type: ignore[attr-defined]
    return control


def hold(control: forms.Field, bounds: Sequence[Held]) -> None:
    """Say at a control what its figure is held to, and let the page judge it against the figures on record."""
    hint = str(control.help_text)
    control.help_text = " ".join(
        [*([f"{hint.rstrip('.')}."] if hint else []), *(unbroken(one.words) for one in bounds)]
    )
    for low, high in (held.reach for held in bounds):
        least, most = getattr(control, "least", None), getattr(control, "most", None)
        control.least = max((one for one in (least, low) if one is not None), default=None)  # type: ignore[attr-defined]
        control.most = min((one for one in (most, high) if one is not None), default=None)  # type: ignore[attr-defined]


def _halting(field: Field) -> frozenset[str]:
    """The answers to this field that halt the therapy."""
    return frozenset(field.choices if field.kind == "choice" else ("yes", "no")) - {field.expected or ""}


def without_title(sentence: str, field: Field) -> str:
    """The sentence without the field's name before it, for it stands at the field."""
    plain = sentence.removeprefix(f"{field.title}: ")
    if _is_of_bound(plain, field):
        plain = plain.removeprefix(f"{field.title} ")
    return plain[:1].upper() + plain[1:]


def _is_of_bound(sentence: str, field: Field) -> bool:
    """Whether a refusal is that of a figure held to another's."""
    return bool(field.bounds) and sentence.startswith((f"{field.title} cannot ", f"{field.title} has to "))


def _check_possible(field: Field, entered: str) -> None:
    """Refuse at the field what cannot be true, whatever else is missing; its form the domain judges."""
    why = impossible(field, entered)
    if why:
        raise forms.ValidationError(why)


def limits_of(field: Field) -> str:
    """The limits without the unit, which stands beside the control."""
    return field.limits.removesuffix(f" {unit_after(field.unit)}") if field.unit else field.limits
