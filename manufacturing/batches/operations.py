"""Working through a batch: process steps with a performer and, where the protocol says so, a verifier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from custody.therapies.operations import record_step
from custody.therapies.steps import lock_therapy, step_of
from ledger.errors import Conflict
from ledger.log.models import Record
from ledger.log.operations import operation
from ledger.parties.actor import Actor


class NotABatchStep(Conflict):
    """The step is not done at the bench."""


@operation
def perform_batch_step(
    *,
    therapy: UUID,
    step: str,
    values: Mapping[str, str],
    scans: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
    started_at: datetime | None = None,
    occurred_at: datetime | None = None,
) -> Record:
    """Perform a process step. A value out of limits, or a step that took too long, opens a deviation."""
    chain, protocol = lock_therapy(therapy)
    known = step_of(protocol, step)
    if known.kind != "process":
        raise NotABatchStep(f"“{known.title}” is done on its own screen.")
    return record_step(
        chain=chain,
        step=known,
        values=values,
        scans=scans,
        by=by,
        at=at,
        key=key,
        second=second,
        started_at=started_at,
        occurred_at=occurred_at,
    )
