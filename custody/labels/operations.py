"""Printing the chain-of-identity label: once by the protocol's step, again only with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from custody.contract.lifecycle import REPRINT_REASONS
from custody.therapies.operations import record_step
from custody.therapies.steps import lock_therapy
from ledger.errors import BadInput, Conflict
from ledger.log.models import Record
from ledger.log.operations import append, operation
from ledger.parties.actor import Actor


class NoLabelStep(Conflict):
    """The protocol has no label to print."""


@operation
def print_label(
    *, therapy: UUID, values: Mapping[str, str], by: Actor, at: datetime, key: str, copies: int = 1
) -> Record:
    """Record the first print of the therapy's labels: how many, each with its number, and what the protocol asks."""
    chain, protocol = lock_therapy(therapy)
    by.check("label.print")
    step = protocol.step_of_kind("label")
    if step is None:
        raise NoLabelStep("This therapy's protocol has no label to print.")
    return record_step(chain=chain, step=step, values=values, scans={}, by=by, at=at, key=key, extra={"copies": copies})


@operation
def reprint_label(*, therapy: UUID, reason: str, by: Actor, at: datetime, key: str, copies: int = 1) -> Record:
    """Record a reprint with its reason, and how many were printed."""
    chain, _ = lock_therapy(therapy)
    by.check("label.print")
    if reason not in REPRINT_REASONS:
        raise BadInput("Give the reason of the reprint: damaged, lost, unreadable or second bag.", field="reason")
    return append(
        chain=chain,
        by=by,
        type="custody.label.reprinted/v1",
        body={"reason": reason, "copies": copies},
        meaning="label reprinted",
        occurred_at=at,
        at=at,
        key=key,
    )
