"""Records without a trade: a kind of chain whose contract only counts, for tests of the ledger itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from ledger.log import contract as contracts
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.models import Chain, Record
from ledger.log.operations import append, lock_chain, open_chain, operation
from ledger.parties.actor import Actor, service_actor
from tests.factories.people import organisation

AT = datetime(2026, 8, 3, 8, 0, tzinfo=UTC)
KIND = "plain"


class PlainContract:
    """Counts its records: the least that a chain's rules can do."""

    chain_kind = KIND

    def initial(self) -> State:
        return {"count": 0}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        return {"count": state["count"] + 1}


@operation
def note(*, subject: UUID, body: Mapping[str, Any], by: Actor, at: datetime, key: str) -> Record:
    return append(
        chain=lock_chain(kind=KIND, subject=subject),
        by=by,
        type="plain.noted/v1",
        body=body,
        meaning="noted",
        occurred_at=at,
        at=at,
        key=key,
    )


def plain_chain() -> Chain:
    """An empty chain; the contract is made known for the life of the process."""
    contracts.register(PlainContract())
    with transaction.atomic():
        return open_chain(kind=KIND, subject=uuid4())


def noter(chain: Chain, body: Mapping[str, Any] | None = None) -> Callable[[], Record]:
    """Writes one record more to the chain at each call."""
    maker = organisation("manufacturer")
    by = service_actor(
        party=maker.id, party_code=maker.code, party_kind=maker.kind, service="test", permissions=frozenset()
    )
    return lambda: note(subject=chain.subject, body=body or {"text": "noted"}, by=by, at=AT, key=str(uuid4()))
