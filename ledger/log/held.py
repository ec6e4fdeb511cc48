"""The rows of several chains, read at once: what `verify` compares them with.

One query a table for a group of chains, and not one a chain; a chain so long that it makes a group by itself is read
piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db.models import F, Field, Model, Q, Sum

from ledger.log import cursors
from ledger.log.models import Chain, Leaf, Record

RECORDS = 500
CHAINS = 200
"""How much is read at once: so many records, of so many chains at most."""
LEAVES = 4_000
"""Leaves that are read at once: a megabyte."""
FEWEST = 100
"""Records of the smallest group that is worth its queries."""


class StoredName(NamedTuple):
    """The row of a printed name."""

    pk: int
    person: UUID
    name: str
    salt: str


class StoredRecord(NamedTuple):
    """A record's row. Bare, because making an instance of the model takes as long as reading what it holds."""

    id: UUID
    chain_id: UUID
    seq: int
    type: str
    prev_hash: str
    envelope: bytes
    entry_hash: str
    leaf_hash: str
    party_id: UUID
    person: UUID
    idempotency_key: str
    occurred_at: datetime
    recorded_at: datetime
    log: str
    leaf__index: int | None
    """Where it stands in its log; None while it waits for its place."""
    names: tuple[StoredName, ...] = ()
    """The printed names under it, in their order, where they were asked for."""


RECORD = StoredRecord._fields[:-1]
"""A record's own columns."""
_NAME = tuple(f"names__{column}" for column in StoredName._fields)
_ID, _NAMES = RECORD.index("id"), len(RECORD)


class Held:
    """Records with their printed names, and projected rows, of these chains, each read when it is first asked for."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._chains = [chain.id for chain in chains]
        self._subjects = [chain.subject for chain in chains]
        self._records: dict[UUID, list[StoredRecord]] | None = None
        self._rows: dict[str, dict[Any, list[Model]]] = {}
        self.given = 0
        """How many records were given out: what nobody was given, nobody has checked."""

    def records(self, chain: Chain) -> Iterator[StoredRecord]:
        """The chain's records in order."""
        for record in self._records_of(chain):
            self.given += 1
            yield record

    def _records_of(self, chain: Chain) -> Iterator[StoredRecord]:
        if len(self._chains) == 1:
            yield from _piece_by_piece(chain)
            return
        if self._records is None:
            found = Record.objects.filter(chain_id__in=self._chains).order_by(
                "chain_id", "seq", "id", "names__position"
            )
            every = _with_names(cursors.tuples(found.values_list(*RECORD, *_NAME)))
            self._records = {several[0].chain_id: several for several in _by_chain(every)}
        yield from self._records.pop(chain.id, [])

    def rows(self, model: type[Model], column: str, chain: Chain) -> list[Model]:
        """The rows of a projection's table about the chain's subject; `column` is where the table names it."""
        label, field = model._meta.label, model._meta.get_field(column)
        if label not in self._rows:
            found: dict[Any, list[Model]] = {}
            for row in model._default_manager.filter(**{f"{column}__in": self._subjects}):
                found.setdefault(getattr(row, cast("Field[Any, Any]", field).attname), []).append(row)
            self._rows[label] = found
        return self._rows[label].pop(chain.subject, [])


def _with_names(rows: list[tuple[Any, ...]]) -> Iterator[StoredRecord]:
    """Records of rows that are a record and a name under it; the rows of one record follow each other."""
    at, end = 0, len(rows)
    while at < end:
        row, beyond = rows[at], at + 1
        # Identifiers as numbers: two UUIDs are compared in Python, two numbers are not.
        while beyond < end and rows[beyond][_ID].int == row[_ID].int:
            beyond += 1
        names = tuple([StoredName(*one[_NAMES:]) for one in rows[at:beyond] if one[_NAMES] is not None])
        yield StoredRecord._make((*row[:_NAMES], names))
        at = beyond


def _by_chain(records: Iterable[StoredRecord]) -> Iterator[list[StoredRecord]]:
    for _, several in groupby(records, lambda record: record.chain_id.int):
        yield list(several)


def _piece_by_piece(chain: Chain) -> Iterator[StoredRecord]:
    """A chain's records in order, however many there are."""
    every = Record.objects.filter(chain=chain).order_by("seq", "id", "names__position").values_list(*RECORD, *_NAME)
    some = every
    while True:
        rows = cursors.tuples(some[:RECORDS])
        found = list(_with_names(rows))
        if len(rows) == RECORDS and len(found) > 1:
            # The piece may end among the names of its last record: that one begins the next.
            found.pop()
        yield from found
        if len(rows) < RECORDS:
            return
        # Also by id: with the table's constraint gone, two rows may have one number.
        last = found[-1]
        some = every.filter(Q(seq__gt=last.seq) | Q(seq=last.seq, id__gt=last.id))


def leaves(log: str) -> Iterator[tuple[int, int, UUID, str, str]]:
    """A log's leaves in order: index, position, and the record's id, log and leaf hash."""
    columns = ("index", "position", "record_id", "record__log", "record__leaf_hash")
    every = Leaf.objects.filter(log=log).order_by("index").values_list(*columns)
    some = every
    while True:
        found = cursors.tuples(some[:LEAVES])
        yield from found  # type: ignore[misc]
        if len(found) < LEAVES:
            return
        some = every.filter(index__gt=found[-1][0])


def groups(kind: str) -> Iterator[tuple[UUID, UUID]]:
    """First and last chain of each group of that kind, by id; a group is few enough records to be read at once.

    Towards the end the groups become smaller, so that several processes which take them in turn end together.
    """
    every = Chain.objects.filter(kind=kind)
    left = every.aggregate(records=Sum(F("head_seq") + 1))["records"] or 0
    first: UUID | None = None
    last, records, chains = UUID(int=0), 0, 0
    found: Iterable[tuple[UUID, int]] = every.order_by("id").values_list("id", "head_seq")
    for identifier, head in found:
        length = max(head, 0) + 1
        if first is not None and (chains == CHAINS or records + length > max(FEWEST, min(RECORDS, left // 6))):
            yield first, last
            left -= records
            first, records, chains = None, 0, 0
        first = first or identifier
        last, records, chains = identifier, records + length, chains + 1
    if first is not None:
        yield first, last


def every_record() -> Iterator[StoredRecord]:
    """All records of the table, by id, whatever chain they name."""
    every = Record.objects.order_by("id").values_list(*RECORD)
    some = every
    while True:
        found = [StoredRecord(*row) for row in cursors.tuples(some[:RECORDS])]
        yield from found
        if len(found) < RECORDS:
            return
        some = every.filter(id__gt=found[-1].id)
