"""Members' keys as every member may know them: they are public, and so is what became of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F

from ledger.parties import signing
from ledger.parties.key_rules import REASONS
from ledger.parties.models import KeyBackup, PartyKey


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key. `signs` says that new records are signed with it here; places are leaves, None while they wait."""

    party: UUID
    key_id: str
    public_key: str
    origin: str
    signs: bool
    valid_from_at: datetime
    first_place: int | None
    ended_how: str
    ended_words: str
    ended_at: datetime | None
    last_place: int | None
    doubtful_since: datetime | None

    @property
    def in_force(self) -> bool:
        return self.ended_at is None

    @property
    def revocable(self) -> bool:
        """In force, or rotated: such a key can still be called lost or compromised."""
        return self.in_force or self.ended_how == "rotated"


@dataclass(frozen=True, slots=True)
class BackupLine:
    """The latest backup of a key that is in force; `current` is False when the key that signs is another one."""

    key_id: str
    threshold: int
    custodians: int
    made_at: datetime
    rehearsed_at: datetime | None
    current: bool


@dataclass(frozen=True, slots=True)
class KeysOf:
    """A member's keys, those in force first, and its latest backup."""

    party: UUID
    keys: tuple[KeyLine, ...]
    backup: BackupLine | None

    @property
    def in_force(self) -> int:
        return sum(key.in_force for key in self.keys)


def keys_of(parties: Collection[UUID]) -> list[KeysOf]:
    """The keys of these members, in this order."""
    rows: dict[UUID, list[PartyKey]] = {}
    found = PartyKey.objects.filter(party_id__in=parties).annotate(
        first_place=F("added_by__leaf__index"), last_place=F("ended_by__leaf__index")
    )
    for row in found.order_by("-seq"):
        rows.setdefault(row.party_id, []).append(row)
    backups: dict[UUID, KeyBackup] = {}
    for backup in KeyBackup.objects.filter(party_id__in=parties).order_by("made_at"):
        backups[backup.party_id] = backup
    return [_keys(party, rows.get(party, []), backups.get(party)) for party in parties]


def _keys(party: UUID, rows: list[PartyKey], backup: KeyBackup | None) -> KeysOf:
    try:
        signs = signing.signer_for(party).key_id if rows else ""
    except signing.KeyNotHeld:
        signs = ""
    lines = [
        KeyLine(
            party=party,
            key_id=row.key_id,
            public_key=row.public_key,
            origin=row.origin,
            signs=row.key_id == signs,
            valid_from_at=row.valid_from_at,
            first_place=row.first_place,  # type: ignore[attr-defined]
            ended_how=row.ended_how,
            ended_words=REASONS.get(row.ended_how, "replaced by another key" if row.ended_how else ""),
            ended_at=row.ended_at,
            last_place=row.last_place,  # type: ignore[attr-defined]
            doubtful_since=row.doubtful_since,
        )
        for row in rows
    ]
    lines.sort(key=lambda line: (not line.in_force, not line.signs))
    key_ids = {line.public_key: line.key_id for line in lines}
    shown = None
    if backup is not None:
        key_id = key_ids.get(backup.public_key, "")
        shown = BackupLine(
            key_id, backup.threshold, backup.custodians, backup.made_at, backup.rehearsed_at, key_id == signs
        )
    return KeysOf(party, tuple(lines), shown)
