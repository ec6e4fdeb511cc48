"""Reading for QA and the Qualified Person: what waits for review or release, and what of it needs eyes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from custody.compliance.models import ComplianceProof
from custody.exceptions.models import CustodyException
from custody.therapies.models import OpenStep, StepRecord
from custody.therapies.queries import Task, count_to_many, tasks_from
from ledger.parties.actor import Actor

SIGN_OFFS = frozenset({"review", "release"})
SHOWN = 50


@dataclass(frozen=True, slots=True)
class SignOff:
    """A batch that waits for review or release: how much of it is in order, and how much is not."""

    task: Task
    number: str
    steps: int
    in_limits: int
    exceptions_open: int
    exceptions_closed: int
    not_proven: int

    @property
    def needs_eyes(self) -> int:
        """How many things want reading before the signature."""
        return self.steps - self.in_limits + self.exceptions_open + self.exceptions_closed + self.not_proven


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
    still_open: Counter[UUID] = Counter()
    closed: Counter[UUID] = Counter()
    for therapy, closed_at in CustodyException.objects.filter(therapy_id__in=therapies).values_list(
        "therapy_id", "closed_at"
    ):
        (closed if closed_at else still_open)[therapy] += 1
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
            exceptions_open=still_open[task.therapy.id],
            exceptions_closed=closed[task.therapy.id],
            not_proven=unproven[task.therapy.id],
        )
        for task in tasks_from(rows, by)
    ]
