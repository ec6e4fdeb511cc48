"""A bound field as the components need it (WCAG 2.2: 1.3.1, 3.3.1, 3.3.2)."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django import template
from django.forms import BoundField
from django.forms.boundfield import BoundWidget
from django.utils.safestring import SafeString

from portal.templatetags.np_numbers import unlocalised

CONTROL_CLASSES = {"checkbox": "form-check-input", "radio": "form-check-input", "select": "form-select"}

register = template.Library()


@register.simple_tag
def control(
    field: BoundField, limits: Any = "", hint: Any = "", note: Any = "", css: str = "", bare: bool = False
) -> SafeString:
    """A bound field's widget with our classes, and its limits, hint and error tied to it (WCAG 1.3.1, 3.3.1).

    Numbers `low` and `high` on the form's field let the page say "In limits" while a person types, and `least` and
    `most` that a figure cannot be true. `bare` takes the
    placeholder away.
    """
    widget = field.field.widget
    kind = getattr(widget, "input_type", "")
    base = CONTROL_CLASSES.get(kind, "form-control")
    classes = " ".join(part for part in (base, widget.attrs.get("class", ""), css) if part)
    judged = is_judged(field)
    said = {"l": limits, "h": hint, "s": field.errors or note or judged}
    about = " ".join(f"{field.auto_id}-{part}" for part, value in said.items() if value)
    attributes: dict[str, Any] = {"class": classes}
    if about:
        attributes["aria-describedby"] = about
    else:
        field.help_text = ""  # Django would point at a help text that this page does not show
    if field.errors:
        attributes["aria-invalid"] = "true"
    if bare or type(field.form).__module__.startswith("allauth."):
        attributes["placeholder"] = ""
    for bound in ("low", "high"):
        if (limit := getattr(field.field, bound, None)) is not None:
            attributes[f"data-{bound}"] = unlocalised(limit)
            attributes["data-unit"] = getattr(field.field, "unit", "")
    for bound in ("least", "most"):
        if (limit := getattr(field.field, bound, None)) is not None:
            attributes[f"data-{bound}"] = unlocalised(limit)
    return field.as_widget(attrs=attributes)


@register.filter
def is_check(field: BoundField) -> bool:
    """Whether a bound field is a single tick box, whose label follows it."""
    return getattr(field.field.widget, "input_type", "") == "checkbox" and not hasattr(field.field.widget, "choices")


@register.filter
def is_group(field: BoundField) -> bool:
    """Whether a bound field is a set of radios or tick boxes, which need a fieldset with a legend."""
    return bool(getattr(field.field.widget, "choices", None) is not None) and getattr(
        field.field.widget, "input_type", ""
    ) in {"radio", "checkbox"}


@register.filter
def option_groups(field: BoundField) -> list[tuple[str, list[BoundWidget]]]:
    """The options of a set of radios or tick boxes under the headings of its choices; "" where there is none."""
    options = iter(field.subwidgets)
    found: list[tuple[str, list[BoundWidget]]] = []
    for value, label in field.field.choices:  # type: ignore[attr-defined]
        grouped = isinstance(label, (list, tuple))
        taken = list(islice(options, len(label) if grouped else 1))
        if grouped or not found or found[-1][0]:
            found.append((str(value) if grouped else "", taken))
        else:
            found[-1][1].extend(taken)
    return found


@register.filter
def field_limits(field: BoundField, given: Any = "") -> Any:
    """The limits given to the component, else those that the form put on its field."""
    return given or getattr(field.field, "limits", "")


@register.simple_tag
def summary_of(field: BoundField, error: str) -> str:
    """A refusal as the summary says it: after the field's label, unless it begins with that already."""
    label = str(field.label)
    return error if error.startswith(label) else f"{label}: {error}"


@register.filter
def is_judged(field: BoundField) -> bool:
    """Whether the page judges the value while it is typed."""
    return any(getattr(field.field, bound, None) is not None for bound in ("low", "high"))


@register.filter
def field_unit(field: BoundField, given: Any = "") -> Any:
    return given or getattr(field.field, "unit", "")
