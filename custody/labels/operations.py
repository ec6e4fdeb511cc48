"""Printing the chain-of-identity label: once by the protocol's step, again only with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.contract.items import Item
from custody.contract.lifecycle import reprint_reasons
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
    *, therapy: UUID, values: Mapping[str, str], items: Sequence[Item], by: Actor, at: datetime, key: str
) -> Record:
    """Record the first print of the therapy's labels: which items they are for, and what the protocol asks."""
    chain, protocol = lock_therapy(therapy)
    by.check("label.print")
    step = protocol.step_of_kind("label")
    if step is None:
        raise NoLabelStep("This therapy's protocol has no label to print.")
    return record_step(chain=chain, step=step, values=values, scans={}, by=by, at=at, key=key, extra=_named(items))


@operation
def reprint_label(*, therapy: UUID, reason: str, items: Sequence[Item], by: Actor, at: datetime, key: str) -> Record:
    """Record a reprint with its reason, and which items' labels were printed."""
    chain, protocol = lock_therapy(therapy)
    by.check("label.print")
    if reason not in reprint_reasons(protocol):
        raise BadInput("Give the reason of the reprint: damaged, lost, unreadable or second bag.", field="reason")
    return append(
        chain=chain,
        by=by,
        type="custody.label.reprinted/v1",
        body={"reason": reason} | _named(items),
        meaning="label reprinted",
        occurred_at=at,
        at=at,
        key=key,
    )


def _named(items: Sequence[Item]) -> dict[str, Any]:
    return {"copies": len(items), "items": [item.code for item in items]}
