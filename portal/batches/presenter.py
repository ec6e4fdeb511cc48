"""A batch and its steps in words: what is in limits and signed, and what needs eyes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from custody.contract.corrections import REASONS
from custody.contract.items import NAMES
from custody.contract.scanning import kind_scanned
from custody.exceptions.queries import ExceptionLine
from custody.protocols.parts import with_unit
from custody.therapies.corrections import StepCorrection
from custody.therapies.queries import Journey, Task, TherapyLine
from ledger.log.queries import RecordView
from manufacturing.batches.models import BatchStatus
from manufacturing.batches.queries import BatchLine, BatchRecord, StepLine, ValueLine
from portal.accounts.roles import ROLES
from portal.journeys.presenter import ProofView
from portal.presenters import therapies as present
from portal.presenters.figures import unbroken
from portal.presenters.marks import mark_of
from portal.presenters.therapies import SignatureLine, StageView, StatusView
from portal.templatetags.np_times import duration

BATCH_WORDS: dict[BatchStatus | None, tuple[str, str, str]] = {
    None: ("plan", "Not begun", ""),
    BatchStatus.MAKING: ("move", "Making", "flask"),
    BatchStatus.TESTING: ("move", "Tests under way", "test-pipe"),
    BatchStatus.REVIEWED: ("due", "Reviewed, waits for release", "clipboard-check"),
    BatchStatus.RELEASED: ("ok", "Released", "certificate"),
    BatchStatus.REJECTED: ("stop", "Rejected", ""),
}
BOARD_GROUPS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("coming", "Before receipt", frozenset({"order", "collection", "transit"})),
    ("making", "Making", frozenset({"making"})),
    ("release", "Tests and release", frozenset({"release"})),
    ("return", "Released, on the way to the patient", frozenset()),
)
"""The board's groups: code, title, stages. Whatever stands in no group's stages is in the last."""
ELSEWHERE = frozenset({"coming", "return"})


@dataclass(frozen=True, slots=True)
class ValueView:
    """A value as the batch record shows it. `kind` is a status kind, empty where there is nothing to judge."""

    title: str
    value: str
    limits: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One value before and after a correction; both empty where it is sealed."""

    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """A correction of a step, in words."""

    changes: tuple[ChangeView, ...]
    reason: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BatchStepView:
    """One step of the batch record. `reasons` say why it needs eyes; empty when it needs none."""

    line: StepLine
    status: StatusView
    values: tuple[ValueView, ...]
    signatures: tuple[SignatureLine, ...]
    took: str
    allowed: str
    mark: str
    mark_word: str
    reasons: tuple[str, ...]
    is_void: bool = False
    scanned: str = ""
    corrections: tuple[CorrectionView, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One therapy on the maker's board."""

    batch: BatchLine
    status: StatusView
    stages: tuple[StageView, ...]
    task: Task | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class BoardGroup:
    """Therapies at one stage."""

    code: str
    title: str
    rows: tuple[BoardRow, ...]

    @property
    def is_elsewhere(self) -> bool:
        """Whether the cells are not with the maker: nothing to do there, so it is folded away."""
        return self.code in ELSEWHERE

    @property
    def wrong(self) -> int:
        return sum(row.status.kind == "stop" for row in self.rows)


@dataclass(frozen=True, slots=True)
class ProofStanding:
    """Whether a batch is proven from order to release, as who decides on it needs to know. `kind` is a note's."""

    kind: str
    title: str
    sentence: str


def proof_standing(journey: Journey, proofs: Sequence[ProofView]) -> ProofStanding:
    """The segments up to the release in one sentence: proven, still being proven, or why not.

    The segment that holds the release itself is judged once the release is on record.
    """
    release = journey.protocol.step_of_kind("release")
    order = [step.code for step in journey.protocol.steps]
    last = order.index(release.code) if release else len(order)
    verdict = {one.code: one for one in proofs}
    before, own = [], None
    for segment in journey.protocol.segments:
        places = [order.index(code) for code in segment.steps if code in order]
        if release and release.code in segment.steps:
            own = verdict[segment.code]
        elif places and max(places) < last:
            before.append(verdict[segment.code])
    upto = [*before, own] if own else before
    refused = [one for one in upto if one.kind == "stop"]
    if refused:
        why = "; ".join(f"{one.title}: {one.note or one.words.lower()}" for one in refused)
        return ProofStanding("stop", "Not proven from order to release", f"{why}. It stays not proven for ever.")
    if upto and all(one.kind == "proven" for one in upto):
        return ProofStanding(
            "proven", "Proven from order to release", "Every step, reading and test kept to the protocol."
        )
    waits = [one for one in before if one.kind != "proven"]
    if waits:
        names = ", ".join(f"{one.title} ({one.words.lower()})" for one in waits)
        return ProofStanding("wait", "Not yet proven from order to release", f"Still to be judged: {names}.")
    ending = f"{own.title} is judged once the release is on record." if own else ""
    return ProofStanding("proven", "Proven from order up to the making", ending)


def batch_status(batch: BatchLine) -> StatusView:
    return StatusView(*BATCH_WORDS[batch.status])


def board(batches: Sequence[BatchLine]) -> tuple[BoardGroup, ...]:
    """The batches by stage; each with the soonest thing that this organisation has to do on it."""
    grouped: dict[str, list[BoardRow]] = {code: [] for code, _, _ in BOARD_GROUPS}
    for batch in batches:
        grouped[_group_of(batch.therapy)].append(_row(batch))
    return tuple(BoardGroup(code, title, tuple(grouped[code])) for code, title, _ in BOARD_GROUPS if grouped[code])


def _group_of(therapy: TherapyLine) -> str:
    return next((code for code, _, stages in BOARD_GROUPS if therapy.stage in stages), BOARD_GROUPS[-1][0])


def _row(batch: BatchLine) -> BoardRow:
    therapy, task = batch.therapy, batch.task
    if task is not None and task.held:
        status = StatusView("stop", present.held_words(task))
    elif batch.out_of_limits and therapy.open_exceptions:
        status = StatusView("stop", f"{batch.out_of_limits} out of limits")
    elif _group_of(therapy) in {"making", "release"} and batch.status is not None:
        status = batch_status(batch)
    else:
        status = present.status_of(therapy)
    return BoardRow(batch, status, present.stages_of(therapy), task, bool(task and task.held))


def steps(record: BatchRecord) -> tuple[BatchStepView, ...]:
    """Every step of the batch record, in the protocol's order."""
    return tuple(step_view(line) for line in record.steps)


def step_view(line: StepLine) -> BatchStepView:
    return BatchStepView(
        line=line,
        status=_step_status(line),
        values=tuple(value_view(value) for value in line.values),
        signatures=signatures(line.record) if line.record else (),
        took=duration(line.duration) if line.duration else "",
        allowed=duration(timedelta(minutes=line.step.duration_max_minutes)),
        mark=mark_of(line.record)[0] if line.record else "none",
        mark_word=_mark_word(line.record),
        reasons=tuple(unbroken(reason) for reason in _reasons(line)) if line.record else (),
        is_void=bool(line.record and line.record.standing == "broken"),
        scanned=_scanned(line.record) if line.record else "",
        corrections=tuple(correction_view(one) for one in line.corrections),
    )


def _scanned(record: RecordView) -> str:
    """What was scanned before the signature, as the record says: “Order and cassette”; empty where nothing was."""
    kinds = [NAMES.get(name, name) for name in dict.fromkeys(map(kind_scanned, record.body.get("scans") or {}))]
    return " and ".join(filter(None, [", ".join(kinds[:-1]), *kinds[-1:]])).capitalize()


def correction_view(one: StepCorrection) -> CorrectionView:
    return CorrectionView(
        changes=tuple(ChangeView(change.field.title, change.before, change.after) for change in one.changes),
        reason=REASONS.get(one.reason, one.reason),
        who=" and ".join(signature.name for signature in one.record.signatures),
        at=one.record.recorded_at,
    )


def value_view(value: ValueLine) -> ValueView:
    field = value.field
    shown = with_unit(value.value, field.unit) if value.value is not None else "sealed"
    kind, words = {True: ("ok", "In limits"), False: ("stop", "Out of limits"), None: ("", "")}[value.in_limits]
    return ValueView(field.title, unbroken(shown), unbroken(field.limits), kind, words)


def signatures(record: RecordView) -> tuple[SignatureLine, ...]:
    """Performer first, then verifier: name, role, meaning, method, time (21 CFR 11.50)."""
    return tuple(
        SignatureLine(
            name=one.name,
            role=ROLES[one.role].name if one.role in ROLES else one.role,
            meaning=one.meaning,
            method=present.method_words(one),
            at=one.at,
        )
        for one in record.signatures
    )


def _found(one: ExceptionLine) -> str:
    closed = ", closed" if one.closed_at else ""
    return f"{one.kind_words}{closed}: {one.finding}" + (f". Closed because: {one.why}" if one.why else "")


def _step_status(line: StepLine) -> StatusView:
    if line.record is None:
        return StatusView("plan", "To come")
    if line.in_limits is False:
        return StatusView("stop", "Out of limits")
    if line.is_late:
        return StatusView("stop", "Took too long")
    if line.is_clean:
        return StatusView("ok", "In limits")
    return StatusView("due", "Needs eyes", "eye")


def _mark_word(record: RecordView | None) -> str:
    if record is None:
        return ""
    if record.standing == "broken":
        return f"does not verify: {record.problem}"
    return mark_of(record)[1]


def _reasons(line: StepLine) -> Iterable[str]:
    """Why a step needs eyes, worst first."""
    record = line.record
    assert record is not None, "only steps that are done have reasons"
    if record.standing == "broken":
        yield f"The record does not verify: {record.problem}"
    for value in line.values:
        if value.in_limits is False:
            view = value_view(value)
            yield f"{view.title} {view.value}, {view.limits}"
    if line.is_late and line.duration:
        allowed = duration(timedelta(minutes=line.step.duration_max_minutes))
        yield f"Took {duration(line.duration)}, {allowed} allowed"
    if line.step.needs_second and len(record.signatures) < 2:
        yield "The second signature is missing"
    for correction in line.corrections:
        titles = ", ".join(change.field.title for change in correction.changes)
        yield f"Corrected: {titles}. {REASONS.get(correction.reason, correction.reason)}"
    findings = [_found(one) for one in line.exceptions]
    yield from findings
    if line.in_limits is False and not findings and all(value.in_limits is not False for value in line.values):
        yield "Recorded as out of limits"
