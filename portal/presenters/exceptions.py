"""An exception in words: its chip, the sentence under its finding, who decides, and the facts beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from custody.contract.closing import HALT
from custody.contract.worklist import HALTING
from custody.exceptions.causes import CAUSES
from custody.exceptions.queries import ExceptionLine
from portal.presenters.figures import unbroken
from portal.templatetags.np_times import duration

CHIPS: Mapping[str, tuple[str, str]] = {
    "identity_stop": ("stop", "alert-octagon"),
    "halt": ("stop", "hand-stop"),
    "out_of_specification": ("stop", "report-medical"),
    "custody_gap": ("due", "unlink"),
    "transport_problem": ("stop", "truck-off"),
    "excursion": ("due", "temperature"),
    "deviation": ("due", "ruler-off"),
    "not_proven": ("due", "alert-triangle"),
}
"""Status kind and icon of each kind of exception."""
OOS_WORDS: Mapping[str, str] = {
    "found": "The treating physician may ask for supply; else the therapy is ended.",
    "requested": "The physician asked for supply. The maker evaluates the risks.",
    "evaluated": "The maker has evaluated the risks. The physician accepts, or the therapy is ended.",
    "accepted": "Physician asked, risk evaluated, physician accepted. The maker informs the authority.",
    "informed": "Physician asked, risk evaluated, physician accepted, authority informed.",
}
RESOLUTION_WORDS: Mapping[str, str] = {
    "accepted": "Accepted: the product could go on",
    "corrected": "Corrected: the cause is removed",
    "explained": "Explained: nothing was wrong with the cells",
    "rejected": "Rejected",
    "informed": "Supplied at the physician's request, authority informed",
}
CAUSE_WORDS: Mapping[str, str] = {**CAUSES, "supplied_on_request": "supplied at the physician's request"}
SOON_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One exception as every list and its own page show it. `due` is the clock in words; late when it has run out."""

    id: UUID
    url: str
    kind: str
    icon: str
    label: str
    finding: str
    sentence: str
    site: str
    place: str
    call_name: str
    coi: str
    therapy: UUID
    product: str
    opened_at: datetime
    due_at: datetime | None
    expected_at: datetime | None
    planned_at: datetime | None
    due: str
    late: bool
    closed_at: datetime | None
    resolution: str
    cause: str
    why: str


def view_of(one: ExceptionLine, names: Mapping[UUID, str], at: datetime) -> ExceptionView:
    """An exception in words, at a moment."""
    kind, icon = CHIPS[one.kind]
    is_open = one.closed_at is None
    late = is_open and one.due_at is not None and one.due_at <= at
    return ExceptionView(
        id=one.id,
        url=reverse("exception", args=[one.id]),
        kind="stop" if late else kind,
        icon=icon,
        label=_label(one),
        finding=unbroken(one.finding),
        sentence=_sentence(one, names),
        site=names.get(_site(one), ""),
        place="" if one.finding.startswith(one.place) else one.place,
        call_name=one.therapy.call_name,
        coi=one.therapy.coi,
        therapy=one.therapy.id,
        product=one.therapy.product,
        opened_at=one.opened_at,
        due_at=one.due_at if is_open else None,
        expected_at=one.expected_at,
        planned_at=one.planned_at,
        due=_due(one, at) if is_open else "",
        late=late,
        closed_at=one.closed_at,
        resolution=RESOLUTION_WORDS.get(one.resolution, one.resolution),
        cause=CAUSE_WORDS.get(one.cause, one.cause.replace("_", " ")),
        why=unbroken(one.why),
    )


def decides(one: ExceptionLine, names: Mapping[UUID, str]) -> str:
    """Who may close it, named by role and organisation."""
    therapy = one.therapy
    maker, centre = names.get(therapy.maker, "") if therapy.maker else "", names.get(therapy.centre, "")
    if one.kind in HALTING:
        return f"A physician at {centre}" + (f" or QA at {maker}" if maker else "") + ", with a second person"
    if not maker:
        return f"A physician at {centre}"
    qa = f"QA or the Qualified Person at {maker}"
    return f"{qa}, or a physician at {centre}" if one.party == therapy.centre else qa


def _site(one: ExceptionLine) -> UUID:
    """Where it was found; what the prover found is the maker's, or the centre's before there is a maker."""
    if one.kind != "not_proven":
        return one.party
    return one.therapy.maker or one.therapy.centre


def _label(one: ExceptionLine) -> str:
    if one.kind == "out_of_specification" and one.oos_stage in {"accepted", "informed"}:
        return "Supply out of specification"
    return one.kind_words


def _sentence(one: ExceptionLine, names: Mapping[UUID, str]) -> str:
    if one.kind == "out_of_specification":
        return OOS_WORDS.get(one.oos_stage, "")
    if one.kind == "identity_stop":
        return f"The therapy is halted. {decides(one, names)}, closes it."
    if one.kind == HALT:
        return f"The therapy is halted. {decides(one, names)}, closes it, and neither of them gave the answer."
    if one.kind == "not_proven":
        return f"It stays not proven for ever. {decides(one, names)} closes it with the cause."
    return f"{decides(one, names)} decides."


def _due(one: ExceptionLine, at: datetime) -> str:
    if one.due_at is None:
        return ""
    left = (one.due_at - at).total_seconds()
    whole = (one.due_at - one.opened_at).total_seconds()
    if left <= 0:
        return f"{duration(-left)} late"
    return f"{duration(left)} left" + (f" of {duration(whole)}" if left < whole <= 4 * SOON_SECONDS else "")
