"""The ledger's records in words, without their content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.log.health import RecordLine
from portal.presenters.therapies import RECORD_WORDS

MORE_WORDS: Mapping[str, str] = {
    "ledger.document.published/v1": "Document published",
    "ledger.party.enrolled/v1": "Member enrolled",
    "ledger.party.key_added/v1": "Key added",
    "custody.device.registered/v1": "Logger registered",
}


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One of the last records."""

    id: UUID
    words: str
    type: str
    party: UUID
    index: int
    entry_hash: str
    recorded_at: datetime


def records(lines: Sequence[RecordLine]) -> list[LedgerRecord]:
    return [
        LedgerRecord(line.id, words_of(line.type), line.type, line.party, line.index, line.entry_hash, line.recorded_at)
        for line in lines
    ]


def words_of(record_type: str) -> str:
    """A record's type in words: `custody.step.performed/v1` becomes “Step performed”."""
    known = RECORD_WORDS.get(record_type) or MORE_WORDS.get(record_type)
    if known:
        return known
    _, _, rest = record_type.partition("/")[0].partition(".")
    return rest.replace(".", " ").replace("_", " ").capitalize()
