"""Words for disclosures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from custody.contract import disclosing
from custody.disclosures.queries import DisclosureLine
from portal.templatetags.np_numbers import spelled

_REASONS: Mapping[str, str] = {**disclosing.REFUSALS, **disclosing.REASONS_TO_TAKE_BACK}
_SETTLED: Mapping[str, str] = {"refused": "Refused", "taken_back": "Taken back"}
STATUSES: Mapping[str, tuple[str, str]] = {
    "asked": ("wait", "Asked for"),
    "answered": ("ok", "Disclosed"),
    "given": ("ok", "Shared"),
    "refused": ("plan", "Refused"),
    "withdrawn": ("plan", "Withdrawn"),
    "taken_back": ("plan", "Taken back"),
    "over": ("plan", "Over"),
}


@dataclass(frozen=True, slots=True)
class DisclosureView:
    """A disclosure, in words."""

    line: DisclosureLine
    holder: str
    receiver: str
    purpose: str
    kind: str
    status: str
    reason: str
    settled: str
    is_over: bool


def view(line: DisclosureLine, names: Mapping[UUID, str], at: datetime) -> DisclosureView:
    over = line.until <= at and line.status in ("asked", "answered", "given")
    kind, status = STATUSES["over" if over else line.status]
    return DisclosureView(
        line=line,
        holder=names.get(line.holder, ""),
        receiver=names.get(line.receiver, ""),
        purpose=disclosing.PURPOSES[line.purpose],
        kind=kind,
        status=status,
        reason=_REASONS.get(line.reason, ""),
        settled=_SETTLED.get(line.status, "Answered"),
        is_over=over,
    )


def views(lines: Sequence[DisclosureLine], names: Mapping[UUID, str], at: datetime) -> list[DisclosureView]:
    return [view(line, names, at) for line in lines]


def requests(holders: Sequence[str]) -> str:
    """How many requests were made, and to whom."""
    return f"{spelled(len(holders)).capitalize()} requests: to {', to '.join(holders[:-1])} and to {holders[-1]}."
