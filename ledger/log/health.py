"""The ledger at a glance, for every member: it takes no actor, and shows no content of a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from ledger.log import member_logs, tiles
from ledger.log.logs import name_of
from ledger.log.models import Chain, Checkpoint, Leaf, MemberLog, PendingRecord, Record
from ledger.parties.models import Party, PartyKey


@dataclass(frozen=True, slots=True)
class LogHealth:
    """The latest checkpoint, what waits for a place, and since when the oldest of those has been waiting."""

    checkpoint: Checkpoint | None
    pending: int
    oldest_pending_at: datetime | None
    chains: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log of several: whose it is (None: the operator's), how far it has come, what waits, and its key."""

    code: str
    name: str
    party: UUID | None
    size: int
    signed_at: datetime | None
    pending: int
    key: str


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One of the last records: its type, author and place; no content."""

    id: UUID
    type: str
    party: UUID
    log: str
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


def logs() -> list[LogLine]:
    """Every log, the operator's first; three queries a log."""
    parties = dict(MemberLog.objects.values_list("code", "party_id"))
    lines = []
    for code in member_logs.every_log():
        newest = tiles.latest_checkpoint(code)
        lines.append(
            LogLine(
                code=code,
                name=name_of(settings.LOG_ORIGIN, code),
                party=parties.get(code),
                size=newest.size if newest else 0,
                signed_at=newest.signed_at if newest else None,
                pending=PendingRecord.objects.filter(log=code).count(),
                key=member_logs.verifier_key(code),
            )
        )
    return lines


def last_records(*, limit: int = 12) -> list[RecordLine]:
    """The records that were given their place last, the newest first."""
    rows = Leaf.objects.order_by("-position").select_related("record").defer("record__envelope")[:limit]
    return [
        RecordLine(
            id=row.record_id,
            type=row.record.type,
            party=row.record.party_id,
            log=row.log,
            index=row.index,
            entry_hash=row.record.entry_hash,
            recorded_at=row.record.recorded_at,
        )
        for row in rows
    ]


def checkpoints(*, limit: int = 8) -> list[Checkpoint]:
    """The checkpoints signed last, the newest first."""
    return list(Checkpoint.objects.order_by("-id")[:limit])


def member_keys() -> list[KeyOfMember]:
    """Every member's keys in force, as the register's records say."""
    rows = PartyKey.objects.filter(ended_by=None).select_related("party").order_by("party__name", "key_id")
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
