"""Release tests, review by QA and release by the Qualified Person."""

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


class NotATest(Conflict):
    """The step is no release test."""


class NothingToReview(Conflict):
    """The protocol has no such step."""


@operation
def record_test(
    *,
    therapy: UUID,
    step: str,
    values: Mapping[str, str],
    by: Actor,
    at: datetime,
    key: str,
    scans: Mapping[str, str] | None = None,
    second: Actor | None = None,
    started_at: datetime | None = None,
    occurred_at: datetime | None = None,
) -> Record:
    """Record a release test's result. Outside specification it opens an out-of-specification exception."""
    chain, protocol = lock_therapy(therapy)
    known = step_of(protocol, step)
    if known.kind != "test":
        raise NotATest(f"“{known.title}” is no release test.")
    return record_step(
        chain=chain,
        step=known,
        values=values,
        scans=scans or {},
        by=by,
        at=at,
        key=key,
        second=second,
        started_at=started_at,
        occurred_at=occurred_at,
        exception_kind="out_of_specification",
    )


@operation
def review_batch(
    *, therapy: UUID, values: Mapping[str, str], by: Actor, at: datetime, key: str, occurred_at: datetime | None = None
) -> Record:
    """QA has reviewed the batch by exception."""
    by.check("batch.review")
    return _sign_off(therapy, "review", values, by=by, at=at, key=key, occurred_at=occurred_at)


@operation
def release_batch(
    *, therapy: UUID, values: Mapping[str, str], by: Actor, at: datetime, key: str, occurred_at: datetime | None = None
) -> Record:
    """The Qualified Person certifies the batch for supply (EU GMP Annex 16)."""
    by.check("batch.release")
    return _sign_off(therapy, "release", values, by=by, at=at, key=key, occurred_at=occurred_at)


def _sign_off(
    therapy: UUID,
    kind: str,
    values: Mapping[str, str],
    *,
    by: Actor,
    at: datetime,
    key: str,
    occurred_at: datetime | None,
) -> Record:
    chain, protocol = lock_therapy(therapy)
    step = protocol.step_of_kind(kind)
    if step is None:
        raise NothingToReview(f"This therapy's protocol has no {kind}.")
    return record_step(chain=chain, step=step, values=values, scans={}, by=by, at=at, key=key, occurred_at=occurred_at)
