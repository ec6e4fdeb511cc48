"""Reading for QA and the Qualified Person: what waits for review or release, and what of it needs eyes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from custody.compliance.models import ComplianceProof
from custody.exceptions.models import CustodyException, ExceptionKind
from custody.therapies.correcting import count_corrections
from custody.therapies.models import OpenStep, StepRecord
from custody.therapies.queries import Task, count_to_many, tasks_from
from ledger.parties.actor import Actor

SIGN_OFFS = frozenset({"review", "release"})
SHOWN = 50


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many exceptions there are of a kind."""

    kind: str
    words: str
    count: int


@dataclass(frozen=True, slots=True)
class SignOff:
    """A batch that waits for review or release: how much of it is in order, and how much is not.

    Exceptions are counted by kind, the worst first; `corrections` are those of values of the maker's own steps.
    """

    task: Task
    number: str
    steps: int
    in_limits: int
    open_kinds: tuple[KindCount, ...]
    closed_kinds: tuple[KindCount, ...]
    corrections: int
    not_proven: int

    @property
    def exceptions_open(self) -> int:
        return sum(one.count for one in self.open_kinds)

    @property
    def exceptions_closed(self) -> int:
        return sum(one.count for one in self.closed_kinds)

    @property
    def out_of_limits(self) -> int:
        return self.steps - self.in_limits

    @property
    def needs_eyes(self) -> int:
        """How many things want reading before the signature."""
        exceptions = self.exceptions_open + self.exceptions_closed
        return self.out_of_limits + exceptions + self.corrections + self.not_proven


def count_waiting(*, by: Actor, kind: str) -> int:
    """How many batches wait for this kind of sign-off, held ones too; MANY stands for that many and more."""
    return count_to_many(OpenStep.objects.filter(party_id=by.party, kind=kind))


def waiting(*, by: Actor, kind: str) -> list[SignOff]:
    """The batches that wait for this kind of sign-off at the actor's organisation, soonest due first; SHOWN at most.

    What an exception holds comes last. A constant number of queries, however many batches there are.
    """
    waits = OpenStep.objects.filter(party_id=by.party, kind=kind).select_related("therapy", "therapy__batch")
    rows = list(waits.filter(held="").order_by("due_at", "id")[:SHOWN])
    if len(rows) < SHOWN:
        rows += waits.exclude(held="").order_by("due_at", "id")[: SHOWN - len(rows)]
    therapies = [row.therapy_id for row in rows]
    done: Counter[UUID] = Counter()
    good: Counter[UUID] = Counter()
    for therapy, in_limits in StepRecord.objects.filter(therapy_id__in=therapies, party_id=by.party).values_list(
        "therapy_id", "in_limits"
    ):
        done[therapy] += 1
        good[therapy] += int(in_limits)
    still_open: Counter[tuple[UUID, str]] = Counter()
    closed: Counter[tuple[UUID, str]] = Counter()
    for therapy, kind_found, closed_at in CustodyException.objects.filter(therapy_id__in=therapies).values_list(
        "therapy_id", "kind", "closed_at"
    ):
        (closed if closed_at else still_open)[therapy, kind_found] += 1
    corrected = count_corrections(therapies=therapies, by=by)
    unproven = Counter(
        ComplianceProof.objects.filter(therapy_id__in=therapies, verdict="not_proven").values_list(
            "therapy_id", flat=True
        )
    )
    batches = {row.therapy_id: getattr(row.therapy, "batch", None) for row in rows}
    return [
        SignOff(
            task=task,
            number=batch.number if (batch := batches[task.therapy.id]) else "",
            steps=done[task.therapy.id],
            in_limits=good[task.therapy.id],
            open_kinds=_kinds(still_open, task.therapy.id),
            closed_kinds=_kinds(closed, task.therapy.id),
            corrections=corrected[task.therapy.id],
            not_proven=unproven[task.therapy.id],
        )
        for task in tasks_from(rows, by)
    ]


def _kinds(counted: Counter[tuple[UUID, str]], therapy: UUID) -> tuple[KindCount, ...]:
    return tuple(
        KindCount(kind.value, kind.label, count) for kind in ExceptionKind if (count := counted[therapy, kind.value])
    )
