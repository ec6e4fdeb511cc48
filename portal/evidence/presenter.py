"""The ledger's records and its witnesses in words, without the records' content."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.cosigning.queries import Watch, WitnessStanding
from ledger.crypto import mldsa, notes
from ledger.log.health import LogLine, RecordLine
from portal.presenters.records import words_of


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
    log: str = ""


def records(lines: Sequence[RecordLine]) -> list[LedgerRecord]:
    return [
        LedgerRecord(
            line.id,
            words_of(line.type),
            line.type,
            line.party,
            line.index,
            line.entry_hash,
            line.recorded_at,
            line.log,
        )
        for line in lines
    ]


@dataclass(frozen=True, slots=True)
class WitnessLine:
    """One witness: whose it is, what it last said, and its keys as (kind, key id)."""

    party: UUID
    name: str
    size: int | None
    signed_at: datetime | None
    behind: int
    kind: str
    words: str
    keys: tuple[tuple[str, str], ...]


def witnesses(watch: Watch, accusing: Collection[str]) -> list[WitnessLine]:
    """Every witness; those that say nothing, or accuse the log, first."""
    lines = [_witness(one, accuses=one.name in accusing) for one in watch.witnesses]
    return sorted(lines, key=lambda line: (line.kind == "ok", line.name))


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log of several: how far it has come, and how many witnesses have said so of late."""

    party: UUID | None
    name: str
    code: str
    size: int
    signed_at: datetime | None
    pending: int
    published: int | None
    watching: int
    kind: str
    words: str


def logs(lines: Sequence[LogLine], watches: Mapping[str, Watch]) -> list[LogRow]:
    """Every log where there are several, the operator's first; nothing where there is one."""
    return [_log_row(line, watches[line.code]) for line in lines] if len(lines) > 1 else []


def _log_row(line: LogLine, watch: Watch) -> LogRow:
    if watch.stale:
        kind, words = "stop", "Too few witnesses"
    elif watch.demanded:
        kind, words = "ok", "Witnessed"
    elif watch.current:
        kind, words = "ok", "Watched"
    else:
        kind, words = "wait", "Not witnessed"
    return LogRow(
        party=line.party,
        name=line.name,
        code=line.code,
        size=line.size,
        signed_at=line.signed_at,
        pending=line.pending,
        published=watch.published.size if watch.published else None,
        watching=watch.current,
        kind=kind,
        words=words,
    )


def shortened(note: str, *, width: int = 60) -> str:
    """A signed note for reading: the long signatures are cut, as nobody reads them."""
    return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in note.splitlines())


def _witness(one: WitnessStanding, *, accuses: bool) -> WitnessLine:
    if accuses:
        kind, words = "stop", "Found a divergence"
    elif one.size is None:
        kind, words = "wait", "Not heard of yet"
    elif one.stale:
        kind, words = "stop", "Silent"
    elif one.behind:
        kind, words = "move", "Catching up"
    else:
        kind, words = "ok", "Agrees"
    return WitnessLine(
        party=one.party,
        name=one.name,
        size=one.size,
        signed_at=one.signed_at,
        behind=one.behind,
        kind=kind,
        words=words,
        keys=tuple((_algorithm(vkey), key_id) for vkey, key_id in zip(one.vkeys, one.key_ids, strict=True)),
    )


def _algorithm(vkey: str) -> str:
    return "ML-DSA-44" if notes.parse_vkey(vkey).type == mldsa.TYPE_MLDSA44 else "Ed25519"
