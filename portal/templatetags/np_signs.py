"""Icons, the kinds of a status, and the thread that shows where a therapy stands."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

STATUS_ICONS = {
    "ok": "circle-check",
    "move": "circle-arrow-right",
    "due": "clock-exclamation",
    "stop": "alert-octagon",
    "wait": "hourglass",
    "plan": "circle-dashed",
    "proven": "rosette-discount-check",
    "gap": "unlink",
}
NOTE_ICONS = {**STATUS_ICONS, "wait": "info-circle", "move": "info-circle", "due": "bell"}
STATE_WORDS = {"done": "done", "now": "now", "stop": "stopped"}
MESSAGE_KINDS = {"success": "ok", "warning": "due", "error": "stop", "info": "move", "debug": "wait"}

register = template.Library()


@lru_cache(maxsize=1)
def _sprite() -> str:
    return static("build/icons.svg")


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """One Tabler icon from the sprite; hidden from assistive technology unless it has a label."""
    if not name:
        return mark_safe("")
    classes = f"np-i {css}".strip()
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="{}" {} focusable="false"><use href="{}#{}"/></svg>', classes, spoken, _sprite(), name
    )


@register.filter
def status_icon(kind: str) -> str:
    """The icon that always goes with a status, such as `alert-octagon` with `stop`."""
    return STATUS_ICONS.get(str(kind), "hourglass")


@register.filter
def note_icon(kind: str) -> str:
    return NOTE_ICONS.get(str(kind), "info-circle")


@register.filter
def message_kind(message: Any) -> str:
    """The status kind of a Django message, by its level tag."""
    return MESSAGE_KINDS.get(getattr(message, "level_tag", ""), "wait")


def _part(stage: Any, name: str) -> Any:
    return stage.get(name, "") if isinstance(stage, dict) else getattr(stage, name, "")


@register.filter
def thread_position(stages: Iterable[Any]) -> str:
    """`Step 6 of 9: Return` for a thread's label; `Done, 9 steps` when nothing is left."""
    rows = list(stages)
    for number, stage in enumerate(rows, start=1):
        if _part(stage, "state") == "now":
            return f"Step {number} of {len(rows)}: {_part(stage, 'name')}"
    done = sum(1 for stage in rows if _part(stage, "state") == "done")
    steps = f"{len(rows)} step{'' if len(rows) == 1 else 's'}"
    return f"Done, {steps}" if rows and done == len(rows) else f"{done} of {steps} done"


@register.filter
def step_word(stage: Any) -> str:
    """A stage's state in words, for those who cannot see the thread."""
    return STATE_WORDS.get(str(_part(stage, "state")), "to come")


@register.filter
def step_current(stage: Any) -> SafeString:
    """`aria-current="step"` on the stage that is going on or has stopped."""
    return mark_safe('aria-current="step"') if _part(stage, "state") in {"now", "stop"} else mark_safe("")
