"""The ledger at a glance, for every member: it takes no actor, and shows no content of a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.log import tiles
from ledger.log.models import Chain, Checkpoint, Leaf, PendingRecord, Record
from ledger.parties.models import Party, PartyKey


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The latest checkpoint, what waits for a place, and since when the oldest of those has been waiting."""

    checkpoint: Checkpoint | None
    pending: int
    oldest_pending_at: datetime | None
    chains: int


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One of the last records: its type, author and place; no content."""

    id: UUID
    type: str
    party: UUID
    index: int
    entry_hash: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class KeyOfMember:
    """A member's signing key."""

    party: UUID
    name: str
    code: str
    kind: str
    key_id: str
    public_key: str
    algorithm: str


def health() -> LogHealth:
    """Four queries."""
    oldest = PendingRecord.objects.order_by("id").values_list("record__recorded_at", flat=True).first()
    return LogHealth(
        checkpoint=tiles.latest_checkpoint(),
        pending=PendingRecord.objects.count(),
        oldest_pending_at=oldest,
        chains=Chain.objects.count(),
    )


def last_records(*, limit: int = 12) -> list[RecordLine]:
    """The records that were given their place last, the newest first."""
    rows = Leaf.objects.order_by("-index").select_related("record").defer("record__envelope")[:limit]
    return [
        RecordLine(
            id=row.record_id,
            type=row.record.type,
            party=row.record.party_id,
            index=row.index,
            entry_hash=row.record.entry_hash,
            recorded_at=row.record.recorded_at,
        )
        for row in rows
    ]


def checkpoints(*, limit: int = 8) -> list[Checkpoint]:
    """The checkpoints signed last, the newest first."""
    return list(Checkpoint.objects.order_by("-size")[:limit])


def member_keys() -> list[KeyOfMember]:
    """Every member's keys, as the register's records say."""
    rows = PartyKey.objects.select_related("party").order_by("party__name", "key_id")
    return [
        KeyOfMember(
            party=row.party_id,
            name=row.party.name,
            code=row.party.code,
            kind=Party(kind=row.party.kind).get_kind_display(),
            key_id=row.key_id,
            public_key=row.public_key,
            algorithm=row.algorithm,
        )
        for row in rows
    ]


def record_named(record: UUID) -> Record | None:
    """A record with its chain, or None."""
    return Record.objects.filter(pk=record).select_related("chain").first()
