"""Which keys a party had at a place of a log, as the tables have it. `verify` asks the records themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from ledger import clock
from ledger.log.entries import Entry, Signature
from ledger.log.logs import name_of
from ledger.log.models import Record, SignedName
from ledger.parties.acts import NONE, HandKeys, keys_from
from ledger.parties.models import PartyKey, PersonKey


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a record of the register stands: `index` is None while it waits for its place."""

    log: str
    index: int | None

    def is_before(self, entry: Entry, index: int | None) -> bool:
        """Whether it comes before a record at this index of its log (ADR 11)."""
        if self.log == entry.log:
            return index is None or (self.index is not None and self.index < index)
        return self.index is not None and self.index < entry.seen.get(self.log, 0)

    def is_settled_before(self, entry: Entry, index: int | None) -> bool:
        """The same, but not of two that both wait for their place in one log: nobody knows their order yet."""
        waiting = index is None and self.index is None and self.log == entry.log
        return not waiting and self.is_before(entry, index)


@dataclass(frozen=True, slots=True)
class _Span:
    line: dict[str, Any]
    begins: _Mark
    ends: _Mark | None


class KeyHistory:
    """Keys of some parties, or of all, by place; one query."""

    def __init__(self, parties: Collection[UUID] | None = None) -> None:
        rows = PartyKey.objects.all() if parties is None else PartyKey.objects.filter(party_id__in=parties)
        self._spans: dict[UUID, list[_Span]] = {}
        for row in rows.select_related("added_by__leaf", "ended_by__leaf").defer(
            "added_by__envelope", "ended_by__envelope"
        ):
            line = {
                "key": row.public_key,
                "how": row.ended_how,
                "since": clock.stamp(row.doubtful_since) if row.doubtful_since else None,
                "at": clock.stamp(row.ended_at) if row.ended_at else "",
            }
            ends = _mark(row.ended_by) if row.ended_by is not None else None
            self._spans.setdefault(row.party_id, []).append(_Span(line, _mark(row.added_by), ends))

    def register_for(self, entry: Entry, index: int | None) -> dict[str, Any]:
        """What its author's register said to a record at this index: its keys, and those that it had ended.

        A key that came in another log counts wherever it stands: who uses it has it.
        """
        spans = [
            span
            for span in self._spans.get(entry.party, [])
            if span.begins.log != entry.log or span.begins.is_before(entry, index)
        ]
        ended = [span for span in spans if span.ends is not None and span.ends.is_before(entry, index)]
        return _register([span for span in spans if span not in ended], ended)

    def newest(self, party: UUID) -> dict[str, Any]:
        """What the register says now."""
        spans = self._spans.get(party, [])
        return _register([span for span in spans if span.ends is None], [span for span in spans if span.ends])


class PersonHistories:
    """Signing keys of people, by place, for records of these parties or for those of a chain; one query."""

    def __init__(self, parties: Collection[UUID] | None = None, *, chain: UUID | None = None) -> None:
        rows = PersonKey.objects.all() if parties is None else PersonKey.objects.filter(party_id__in=parties)
        if chain is not None:
            rows = rows.filter(person__in=SignedName.objects.filter(record__chain_id=chain).values("person"))
        self._spans: dict[tuple[UUID, UUID], list[_Span]] = {}
        for row in rows.select_related("added_by__leaf", "ended_by__leaf").defer(
            "added_by__envelope", "ended_by__envelope"
        ):
            ends = _mark(row.ended_by) if row.ended_by is not None else None
            span = _Span({"key": row.key}, _mark(row.added_by), ends)
            self._spans.setdefault((row.party_id, row.person), []).append(span)

    def keys_for(self, entry: Entry, index: int | None, signature: Signature) -> HandKeys:
        """The person's keys for a record at this index of its log, as `acts.PersonHistory` has them."""
        spans = self._spans.get((signature.party, signature.person))
        if not spans:
            return NONE
        begun = [span for span in spans if span.begins.is_settled_before(entry, index)]
        ended = [span for span in begun if span.ends is not None and span.ends.is_settled_before(entry, index)]
        known = {
            "keys": [span.line["key"] for span in begun if span not in ended],
            "past": [span.line for span in ended],
        }
        gained = [
            span.line["key"]
            for span in spans
            if span not in begun and (span.begins.log != entry.log or (index is None and span.begins.index is None))
        ]
        return keys_from(known, gained)


def _register(held: list[_Span], ended: list[_Span]) -> dict[str, Any]:
    if not held and not ended:
        return {}
    return {
        "status": "enrolled",
        "keys": [span.line["key"] for span in held],
        "past": [span.line for span in ended],
    }


def _mark(record: Record) -> _Mark:
    leaf = getattr(record, "leaf", None)
    return _Mark(name_of(settings.LOG_ORIGIN, record.log), leaf.index if leaf is not None else None)
