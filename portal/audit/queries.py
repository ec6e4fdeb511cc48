"""Reading the audit trail: records of the ledger, refused actions and portal events, in one order of time.

The authority reads everybody's; an organisation its own, and the records of the therapies that it may follow. A query
for a page costs the same however long the trail is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast

from custody.protocols.wording import in_titles
from custody.therapies import disclosure
from custody.therapies.models import Therapy
from custody.therapies.queries import protocol_by_digest, visible
from ledger.crypto.errors import VerificationError
from ledger.errors import NotFound
from ledger.log.entries import Entry
from ledger.log.models import Record, RefusedAction, SignedName
from ledger.log.queries import RecordView, chain_records, entry_in, signers
from ledger.parties.actor import Actor
from portal.accounts.models import User
from portal.audit.changes import corrected, entered, of_state, text
from portal.audit.models import AuditEvent
from portal.audit.operations import ACTS
from portal.presenters.records import types_said, words_of

PERMISSION = "audit.read"
KINDS = {"": "Everything", "record": "Recorded", "refused": "Refused", "event": "People and exports"}
MOST_PEOPLE = 300
CHUNK = 500


class AuditEntryUnknown(NotFound):
    """There is no such entry, or it is not this actor's to read."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for; what is empty narrows nothing. `who` is part of a name, `what` of a type or its words."""

    who: str = ""
    what: str = ""
    kind: str = ""
    party: UUID | None = None
    therapy: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry. `what` and `why` are words; `changes` (name, before, after) are those that the entry itself holds."""

    id: UUID
    kind: str
    at: datetime
    who: str
    person: UUID
    party: UUID
    role: str
    what: str
    subject: str
    therapy: UUID | None
    why: str
    changes: tuple[tuple[str, str, str], ...] = ()
    log_index: int | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """A record opened: as it verifies, what it changed of its chain's state, and the values that were entered."""

    line: AuditLine
    record: RecordView
    changes: tuple[tuple[str, str, str], ...]
    values: tuple[tuple[str, str], ...]
    hidden: bool


def trail(*, by: Actor, search: Search, limit: int = 50, offset: int = 0) -> list[AuditLine]:
    """Entries that are asked for, the newest first. Raises NotPermitted."""
    by.check(PERMISSION)
    return _lines(list(_places(by, search)[offset : offset + limit]), by)


def every(*, by: Actor, search: Search, most: int) -> Iterator[AuditLine]:
    """The same for an export: at most so many, some hundred at a time. Raises NotPermitted."""
    by.check(PERMISSION)
    for start in range(0, most, CHUNK):
        places = list(_places(by, search)[start : min(start + CHUNK, most)])
        yield from _lines(places, by)
        if len(places) < CHUNK:
            return


def detail(*, record: UUID, by: Actor) -> Detail:
    """One record with the values before and after it. Raises NotPermitted, AuditEntryUnknown."""
    by.check(PERMISSION)
    row = _records(by, Search()).filter(pk=record).select_related("chain").first()
    if row is None:
        raise AuditEntryUnknown("There is no such entry for your organisation.")
    line = _lines([(row.pk, row.recorded_at, "record")], by)[0]
    views = chain_records(kind=row.chain.kind, subject=row.chain.subject)
    view = next(one for one in views if one.id == row.pk)
    sees = disclosure.sees_values(by)
    return Detail(
        line=line,
        record=disclosure.record_for(by, view) if row.chain.kind == "therapy" else view,
        changes=tuple(corrected(row, by) or of_state(row)) if sees else (),
        values=tuple(entered(row, disclosure.record_for(by, view))) if row.chain.kind == "therapy" else (),
        hidden=not sees,
    )


def _places(by: Actor, search: Search) -> QuerySet[Any, Any]:
    """Identifier, time and kind of every entry that is asked for."""
    parts = []
    if search.kind in {"", "record"}:
        parts.append(_places_of(_records(by, search), "recorded_at", "record"))
    if search.kind in {"", "refused"}:
        parts.append(_places_of(_refused(by, search), "at", "refused"))
    if search.kind in {"", "event"}:
        parts.append(_places_of(_events(by, search), "at", "event"))
    first, *others = parts
    whole = first.union(*others, all=True) if others else first
    return whole.order_by("-moment", "-entry")


def _places_of(rows: QuerySet[Any], time: str, kind: str) -> QuerySet[Any, Any]:
    named = rows.order_by().annotate(entry=F("pk"), moment=F(time), source=Cast(Value(kind), CharField(max_length=8)))
    return named.values_list("entry", "moment", "source")


def _records(by: Actor, search: Search) -> QuerySet[Record]:
    rows = Record.objects.all()
    if by.party_kind != "regulator":
        own = Q(party_id=by.party)
        if by.may("therapy.read"):
            own |= Q(chain__kind="therapy", chain__subject__in=visible(by).values("pk"))
        rows = rows.filter(own)
    if search.party:
        rows = rows.filter(party_id=search.party)
    if search.therapy:
        rows = rows.filter(chain__kind="therapy", chain__subject=search.therapy)
    if search.who:
        rows = rows.filter(person__in=_people(search.who))
    for word in search.what.lower().split():
        rows = rows.filter(Q(type__icontains=word) | Q(type__in=types_said(word)))
    return _between(rows, "recorded_at", search)


def _refused(by: Actor, search: Search) -> QuerySet[RefusedAction]:
    rows = RefusedAction.objects.all()
    if by.party_kind != "regulator":
        rows = rows.filter(party=by.party)
    if search.party:
        rows = rows.filter(party=search.party)
    if search.therapy:
        rows = rows.filter(subject=str(search.therapy))
    if search.who:
        rows = rows.filter(person__in=_people(search.who))
    for word in search.what.lower().split():
        rows = rows.filter(Q(operation__icontains=word) | Q(code__icontains=word) | Q(reason__icontains=word))
    return _between(rows, "at", search)


def _events(by: Actor, search: Search) -> QuerySet[AuditEvent]:
    rows = AuditEvent.objects.all()
    if by.party_kind != "regulator":
        rows = rows.filter(party=by.party)
    if search.party:
        rows = rows.filter(party=search.party)
    if search.therapy:
        rows = rows.none()
    if search.who:
        rows = rows.filter(name__icontains=search.who)
    for word in search.what.lower().split():
        acts = [act for act, words in ACTS.items() if word in words.lower()]
        rows = rows.filter(Q(act__in=acts) | Q(subject__icontains=word))
    return _between(rows, "at", search)


def _between(rows: QuerySet[Any], time: str, search: Search) -> QuerySet[Any]:
    if search.since:
        rows = rows.filter(**{f"{time}__gte": search.since})
    return rows.filter(**{f"{time}__lt": search.until}) if search.until else rows


def _people(part: str) -> list[UUID]:
    """Pseudonyms of people whose name holds this."""
    users = User.objects.filter(name__icontains=part).values_list("pk", flat=True)[:MOST_PEOPLE]
    signed = SignedName.objects.filter(name__icontains=part).values_list("person", flat=True).distinct()[:MOST_PEOPLE]
    return [*users, *signed]


def _lines(places: Iterable[tuple[UUID, datetime, str]], by: Actor) -> list[AuditLine]:
    wanted: dict[str, list[UUID]] = {"record": [], "refused": [], "event": []}
    order = [(kind, identifier) for identifier, _, kind in places]
    for kind, identifier in order:
        wanted[kind].append(identifier)
    found: dict[tuple[str, UUID], AuditLine] = {}
    for line in (*_of_records(wanted["record"], by), *_of_refused(wanted["refused"]), *_of_events(wanted["event"])):
        found[line.kind, line.id] = line
    return [found[place] for place in order if place in found]


def _of_records(identifiers: Collection[UUID], by: Actor) -> Iterator[AuditLine]:
    rows = list(Record.objects.filter(pk__in=identifiers).select_related("chain", "leaf"))
    names = signers(identifiers)
    subjects = {row.chain.subject for row in rows if row.chain.kind == "therapy"}
    therapies = Therapy.objects.in_bulk(list(subjects))
    for row in rows:
        therapy = therapies.get(row.chain.subject) if row.chain.kind == "therapy" else None
        leaf = getattr(row, "leaf", None)
        try:
            entry = entry_in(row)
        except VerificationError:
            entry = None
        shown = _shown(entry, by) if entry else {}
        yield AuditLine(
            id=row.pk,
            kind="record",
            at=row.recorded_at,
            who=names.get(row.pk, ""),
            person=row.person,
            party=row.party_id,
            role=entry.signer.role if entry else "",
            what=_what(row.type, shown, therapy),
            subject=therapy.coi if therapy else f"{row.chain.kind} {str(row.chain.subject)[:8]}",
            therapy=therapy.pk if therapy else None,
            why=_why(shown, entry.signer.meaning if entry else "the record cannot be read", therapy),
            log_index=leaf.index if leaf else None,
        )


def _shown(entry: Entry, by: Actor) -> Mapping[str, Any]:
    """The body as far as this actor may see it."""
    body = dict(entry.body)
    if not disclosure.sees_values(by) and entry.chain_kind == "therapy":
        for name, neutral in disclosure.NEUTRAL.items():
            if name in body:
                body[name] = neutral
        for name in ("finding", "reasons", "reason"):
            body.pop(name, None)
    return body


def _of_refused(identifiers: Collection[UUID]) -> Iterator[AuditLine]:
    rows = list(RefusedAction.objects.filter(pk__in=identifiers))
    names = dict(User.objects.filter(pk__in={row.person for row in rows}).values_list("pk", "name"))
    for row in rows:
        yield AuditLine(
            id=row.pk,
            kind="refused",
            at=row.at,
            who=names.get(row.person, ""),
            person=row.person,
            party=row.party,
            role=row.role,
            what=f"Refused: {row.operation.rsplit('.', 1)[-1].replace('_', ' ')}",
            subject=row.subject,
            therapy=None,
            why=row.reason,
        )


def _of_events(identifiers: Collection[UUID]) -> Iterator[AuditLine]:
    for row in AuditEvent.objects.filter(pk__in=identifiers):
        named = sorted({*row.before, *row.after})
        changes = tuple((name, text(row.before.get(name)), text(row.after.get(name))) for name in named)
        yield AuditLine(
            id=row.pk,
            kind="event",
            at=row.at,
            who=row.name,
            person=row.person,
            party=row.party,
            role=row.role,
            what=ACTS.get(row.act, row.act),
            subject=row.subject,
            therapy=None,
            why=row.why,
            changes=changes,
        )


def _what(type_: str, body: Mapping[str, Any], therapy: Therapy | None) -> str:
    words = words_of(type_)
    step = str(body.get("step", ""))
    if therapy is not None and step:
        known = protocol_by_digest(therapy.protocol_digest).step(step)
        return f"{words}: {known.title}" if known else words
    segment = str(body.get("segment", ""))
    if therapy is not None and segment:
        segment = protocol_by_digest(therapy.protocol_digest).segment_title(segment)
    return f"{words}: {segment}" if segment else words


def _why(body: Mapping[str, Any], meaning: str, therapy: Therapy | None) -> str:
    said = [
        str(body[name]).replace("_", " ")
        for name in ("finding", "resolution", "cause", "why", "reason", "how")
        if body.get(name)
    ]
    if body.get("reasons"):
        said += [str(reason) for reason in body["reasons"]]
    if "approved" in body:
        said.append("approved" if body["approved"] else "declined")
    if therapy is not None:
        said = [in_titles(one, protocol_by_digest(therapy.protocol_digest)) for one in said]
    return "; ".join(dict.fromkeys([meaning, *said]))
