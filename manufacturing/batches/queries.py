"""Reading batches: the board of a maker's therapies, and one batch record whole.

A batch record belongs to the maker. Values that its own people sealed are opened for them, and for nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from custody.exceptions import queries as exceptions
from custody.exceptions.queries import ExceptionLine
from custody.protocols.document import Field, Step
from custody.therapies import queries as therapies
from custody.therapies.correcting import may_correct
from custody.therapies.corrections import StepCorrection, standing_values
from custody.therapies.corrections import corrections as corrections_in
from custody.therapies.models import StepRecord
from custody.therapies.queries import Journey, Task, TherapyLine
from custody.therapies.steps import SEALED_TABLE
from ledger.errors import NotFound, NotPermitted
from ledger.log.queries import RecordView
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy
from manufacturing.batches.models import Batch, BatchStatus

MAKER = "maker"
"""The maker's capacity in every protocol."""
BOARD = 40
"""Therapies on one page of the board."""


class BatchUnknown(NotFound):
    """There is no such batch at this actor's organisation."""


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A therapy at the maker. `number` is empty and `status` None until its first step is done.

    `task` is the soonest thing that the maker has to do on it; the board fills it in.
    """

    therapy: TherapyLine
    number: str
    status: BatchStatus | None
    opened_at: datetime | None
    steps_done: int
    out_of_limits: int
    released_at: datetime | None
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class ValueLine:
    """One value of a step. `value` is None where it is sealed and this reader has no key, or was left empty."""

    field: Field
    value: str | None
    is_sealed: bool

    @property
    def in_limits(self) -> bool | None:
        """None where there is no value to judge, or no limit to judge it by."""
        unlimited = self.field.low is None and self.field.high is None and self.field.expected is None
        return None if self.value is None or unlimited else self.field.allows(self.value)


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of the batch record, done (with its record) or still to come."""

    step: Step
    number: int
    record: RecordView | None
    values: tuple[ValueLine, ...]
    started_at: datetime | None
    ended_at: datetime | None
    in_limits: bool | None
    exceptions: tuple[ExceptionLine, ...]
    therapy: UUID
    corrections: tuple[StepCorrection, ...] = ()
    may_correct: bool = False

    @property
    def duration(self) -> timedelta | None:
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None

    @property
    def is_late(self) -> bool:
        """Whether the step took longer than the protocol allows."""
        return self.duration is not None and self.duration > timedelta(minutes=self.step.duration_max_minutes)

    @property
    def is_clean(self) -> bool:
        """In limits, in time, signed by all who have to, verified, and without any exception or correction."""
        wanted = 2 if self.step.needs_second else 1
        return (
            self.record is not None
            and self.record.standing != "broken"
            and len(self.record.signatures) >= wanted
            and self.in_limits is True
            and not self.is_late
            and not self.exceptions
            and not self.corrections
        )


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch: every step of the maker in the protocol's order, and the exceptions that concern it."""

    journey: Journey
    batch: BatchLine
    steps: tuple[StepLine, ...]
    exceptions: tuple[ExceptionLine, ...]

    @property
    def done(self) -> tuple[StepLine, ...]:
        return tuple(line for line in self.steps if line.record is not None)

    @property
    def tests(self) -> tuple[StepLine, ...]:
        return tuple(line for line in self.steps if line.step.kind == "test")

    @property
    def eyes(self) -> tuple[StepLine, ...]:
        """What is done and needs looking at."""
        return tuple(line for line in self.done if not line.is_clean)

    @property
    def clean(self) -> tuple[StepLine, ...]:
        """What is done, in limits and signed: needs no reading."""
        return tuple(line for line in self.done if line.is_clean)


def board(*, by: Actor, limit: int = BOARD, offset: int = 0) -> list[BatchLine]:
    """The therapies under way that the actor's organisation makes, the longest under way first. Two queries.

    Raises NotPermitted for anybody who makes nothing.
    """
    if by.party_kind != "manufacturer":
        raise NotPermitted("Batches are the business of those who make them. Open your own worklist.")
    rows = therapies.visible(by).filter(maker_id=by.party, status="active")
    found = list(rows.select_related("batch").order_by("ordered_at", "id")[offset : offset + limit])
    tasks = therapies.first_tasks(therapies=[row.pk for row in found], by=by)
    return [_line(therapies.line(row), getattr(row, "batch", None), tasks.get(row.pk)) for row in found]


def therapy_of(*, number: str, by: Actor) -> UUID | None:
    """The therapy whose batch has this number, if this actor may see it."""
    rows = Batch.objects.filter(number__iexact=number.strip(), therapy__in=therapies.visible(by))
    return rows.values_list("therapy_id", flat=True).first()


def batch_record(*, therapy: UUID, by: Actor) -> BatchRecord:
    """One batch whole, every record verified. Raises TherapyNotFound, BatchUnknown."""
    return _record_of(therapy, by.party, by)


def inspected_record(*, therapy: UUID, maker: UUID, by: Actor) -> BatchRecord:
    """The same for the authority, of the maker that it inspects; what the maker sealed stays sealed.

    Whether an inspection is open is asked before. Raises NotPermitted, TherapyNotFound, BatchUnknown.
    """
    if by.party_kind != "regulator":
        raise NotPermitted("Another organisation's batch records are read in an inspection by the authority.")
    return _record_of(therapy, maker, by)


def _record_of(therapy: UUID, maker: UUID, by: Actor) -> BatchRecord:
    journey = therapies.journey(therapy=therapy, by=by)
    if journey.therapy.maker != maker:
        raise BatchUnknown("This batch is made by another organisation.")
    rows = {row.record_id: row for row in StepRecord.objects.filter(therapy_id=therapy, party_id=maker)}
    opened = privacy.open_many(table=SEALED_TABLE, rows=[str(row.id) for row in rows.values()], by=by)
    found = exceptions.of_therapy(therapy=therapy, by=by)
    corrections = corrections_in(journey.records, journey.protocol)
    standing = standing_values(journey.records, journey.protocol)
    by_step: dict[str, RecordView] = {}
    for record in journey.records:
        if record.id in rows:
            by_step[rows[record.id].step] = record
    lines = []
    for number, step in enumerate(journey.protocol.steps, 1):
        if step.party != MAKER:
            continue
        done = by_step.get(step.code)
        corrected = tuple(one for one in corrections if one.step.code == step.code)
        concerned = tuple(one for one in found if _concerns(one, step))
        line = _step_line(therapy, step, number, done, rows[done.id] if done else None, opened, concerned, standing)
        may = done is not None and may_correct(journey=journey, step=step, by=by)
        lines.append(replace(line, corrections=corrected, may_correct=may))
    batch = Batch.objects.filter(therapy_id=therapy).first()
    return BatchRecord(journey, _line(journey.therapy, batch), tuple(lines), tuple(found))


def _concerns(one: ExceptionLine, step: Step) -> bool:
    """A leg's exception belongs to the step that judges the material after that leg."""
    return one.step == step.code or bool(one.leg and not one.step and step.kind == "acceptance" and one.leg == step.leg)


def _step_line(
    therapy: UUID,
    step: Step,
    number: int,
    record: RecordView | None,
    row: StepRecord | None,
    opened: Mapping[str, Mapping[str, str]],
    concerned: tuple[ExceptionLine, ...],
    standing: Mapping[str, Mapping[str, Any]],
) -> StepLine:
    values: list[ValueLine] = []
    if record is not None and row is not None:
        secret = opened.get(str(row.id), {})
        for field in step.fields:
            if field.sensitive:
                values.append(ValueLine(field, secret.get(f"value:{field.code}"), is_sealed=True))
            elif field.code in standing.get(step.code, {}):
                values.append(ValueLine(field, str(standing[step.code][field.code]["value"]), is_sealed=False))
    return StepLine(
        step=step,
        number=number,
        record=record,
        values=tuple(values),
        started_at=row.started_at if row else None,
        ended_at=row.performed_at if row else None,
        in_limits=row.in_limits if row else None,
        exceptions=concerned,
        therapy=therapy,
    )


def _line(therapy: TherapyLine, batch: Batch | None, task: Task | None = None) -> BatchLine:
    return BatchLine(
        therapy=therapy,
        number=batch.number if batch else "",
        status=BatchStatus(batch.status) if batch else None,
        opened_at=batch.opened_at if batch else None,
        steps_done=batch.steps_done if batch else 0,
        out_of_limits=batch.out_of_limits if batch else 0,
        released_at=batch.released_at if batch else None,
        task=task,
    )
