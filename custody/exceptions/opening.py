"""Opening an exception on a chain that an operation has already locked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.clock import stamp
from ledger.ids import derived
from ledger.log.models import Chain, Record
from ledger.log.operations import append
from ledger.parties.actor import Actor


def exception_id(chain: UUID, key: str) -> UUID:
    """The exception that is opened on this chain under this key."""
    return derived("exception", chain, key)


def key_beside(key: str) -> str:
    """The key of the exception that is opened with what is recorded under `key`."""
    return f"{key}:exception"


def open_exception(
    *,
    chain: Chain,
    kind: str,
    finding: str,
    occurred_at: datetime,
    by: Actor,
    at: datetime,
    key: str,
    step: str = "",
    leg: str = "",
    due_at: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Record:
    """Append `custody.exception.opened/v1`. `finding` is a sentence of ours without personal data, at most 240 long."""
    return append(
        chain=chain,
        by=by,
        type="custody.exception.opened/v1",
        body={
            "id": str(exception_id(chain.id, key)),
            "kind": kind,
            "finding": finding,
            "step": step,
            "leg": leg,
            "due_at": stamp(due_at) if due_at else None,
            "facts": dict(facts or {}),
        },
        meaning="exception found",
        occurred_at=occurred_at,
        at=at,
        key=key,
    )
