"""What the proof pages and the verification card show."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from custody.compliance import queries
from custody.compliance.queries import KeyLine, SegmentLine, SiteLine
from custody.therapies import disclosure
from ledger.cosigning import queries as cosigning
from ledger.log.evidence import NotInTheLog, log_key, readers_checkpoint
from ledger.parties.actor import Actor
from ledger.parties.queries import Member

MAX_PACKS = 2_000
VERDICTS: Mapping[str, tuple[str, str]] = {
    "proven": ("proven", "Proven"),
    "not_proven": ("stop", "Cannot be proven"),
    "making": ("move", "Being proven"),
    "open": ("plan", "To come"),
}


CHECKS = (
    ("log", "The log's checkpoint", "signed by the log's key"),
    ("witnesses", "The witnesses' co-signatures", "enough of them, none older than five minutes"),
    ("keys", "Members' keys, protocols, proof keys and loggers", "records in the log, each signed"),
    ("records", "The therapy's records", "in the log, linked without a gap, signed by their authors"),
    (
        "facts",
        "The six facts that a proof is about",
        "computed anew from the records and the protocol",
    ),
    ("proofs", "The proofs themselves", "Groth16 over BN254: 256 bytes, one pairing equation"),
)
"""What the card lists; the names are those that static/js/proof/page.js tells of."""
STATED_CHECK = ("records", "The proofs' records", "in the log and signed; step records stay with centre and maker")


def checks(*, stated: bool) -> list[tuple[str, str, str]]:
    """What the reader's browser checks; an organisation without clinical data gets no step records."""
    return [STATED_CHECK if stated and check[0] == "records" else check for check in CHECKS]


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment in words: its verdict's status and what it covers."""

    code: str
    title: str
    kind: str
    words: str
    covers: str
    circuit: str
    reasons: tuple[str, ...]
    id: UUID | None
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site against the others. `share` is the proven part, in per cent of those judged."""

    name: str
    kind: str
    icon: str
    therapies: int
    proven: int
    not_proven: int
    open_exceptions: int
    closed_exceptions: int
    share: int
    judged: int


def verification(*, by: Actor, therapy: UUID | None = None, month: str = "") -> dict[str, Any]:
    """What the card “Verify in my browser” needs: the evidence's index, the checkpoint, and the keys in use."""
    try:
        checkpoint = readers_checkpoint()
    except NotInTheLog:
        return {"count": 0, "checkpoint": None}
    keys = queries.keys_in_use(by=by)
    if therapy is not None:
        count = sum(1 for segment in queries.segments_of(therapy=therapy, by=by) if segment.verdict == "proven")
        scope = f"?therapy={therapy}"
    else:
        since, until = bounds(month)
        count = queries.count_published(by=by, since=since, until=until, limit=MAX_PACKS)
        scope = f"?month={month}" if month else ""
    return {
        "count": count,
        "index_url": reverse("proofs_index") + scope,
        "file": f"needlepoint-proofs-{month or ('therapy' if therapy else 'all')}-{checkpoint.size}.html",
        "checkpoint": checkpoint,
        "log_key": log_key(checkpoint.size),
        "demanded": bool(cosigning.policy_for_readers()),
        "keys": keys,
        "unsafe": [key for key in keys if not key.ceremony],
        "stated": not disclosure.sees_values(by),
    }


def segment(line: SegmentLine) -> SegmentView:
    kind, words = VERDICTS[line.verdict]
    covers = [_count(line.steps, "step")]
    if line.readings:
        covers.append(_count(line.readings, "reading"))
    if line.tests:
        covers.append(_count(line.tests, "release test"))
    return SegmentView(
        code=line.code,
        title=line.title,
        kind=kind,
        words=words,
        covers=", ".join(covers) if line.verdict != "open" else "",
        circuit=line.circuit,
        reasons=line.reasons,
        id=line.id,
        published_at=line.published_at,
    )


def sites(lines: list[SiteLine], members: Mapping[UUID, Member]) -> list[SiteView]:
    icons = {"treatment_centre": "building-hospital", "manufacturer": "building-factory-2"}
    views = []
    for line in lines:
        member = members[line.party]
        judged = line.proven + line.not_proven
        views.append(
            SiteView(
                name=member.name,
                kind=member.kind,
                icon=icons.get(member.kind, "building-community"),
                therapies=line.therapies,
                proven=line.proven,
                not_proven=line.not_proven,
                open_exceptions=line.open_exceptions,
                closed_exceptions=line.closed_exceptions,
                share=line.proven * 100 // judged if judged else 0,
                judged=judged,
            )
        )
    return views


def bounds(month: str) -> tuple[datetime | None, datetime | None]:
    """The first moment of a month written `2026-11`, and of the next one, in UTC; nothing for no month."""
    try:
        since = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        return None, None
    until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
    return since, until


def months(found: list[tuple[int, int]]) -> list[tuple[str, str]]:
    """The choices of the month filter."""
    return [("", "All months"), *((f"{year}-{month:02d}", f"{month_name[month]} {year}") for year, month in found)]


def key_words(keys: list[KeyLine]) -> str:
    """Where the keys come from, in a sentence."""
    return "made by a ceremony of several members" if all(key.ceremony for key in keys) else "Unsafe development key"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
