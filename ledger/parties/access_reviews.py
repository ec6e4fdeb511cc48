"""Signing that an organisation's roles were reviewed, and reading when that was last done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.log.projections import Change, Insert, Projection
from ledger.parties import access_rules
from ledger.parties.actor import Actor
from ledger.parties.models import AccessReview

PERMISSION = "members.manage"


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One review: when, by whom (a pseudonym), how many people and roles, and the digest of the list."""

    record: UUID
    reviewed_at: datetime
    person: UUID
    people: int
    roles: int
    digest: str


@operation
def record_review(*, digest: str, people: int, roles: int, by: Actor, at: datetime, key: str) -> Record:
    """Sign that the list of this digest was reviewed, for the actor's organisation. Raises NotPermitted, Refused."""
    by.check(PERMISSION)
    return append(
        chain=open_chain(kind=access_rules.KIND, subject=derived("access", by.party)),
        by=by,
        type=access_rules.REVIEWED,
        body={"digest": digest, "people": people, "roles": roles},
        meaning="access reviewed",
        occurred_at=at,
        at=at,
        key=key,
    )


def reviews(*, by: Actor, limit: int = 12) -> list[ReviewLine]:
    """The reviews of the actor's organisation, the newest first. Raises NotPermitted."""
    by.check(PERMISSION)
    rows = AccessReview.objects.filter(party_id=by.party).order_by("-reviewed_at", "id")[:limit]
    return [ReviewLine(row.record_id, row.reviewed_at, row.person, row.people, row.roles, row.digest) for row in rows]


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    yield Insert(
        "ledger.AccessReview",
        derived("access-review", entry.party, entry.seq),
        {
            "subject": entry.subject,
            "party_id": entry.party,
            "person": entry.signer.person,
            "digest": entry.body["digest"],
            "people": entry.body["people"],
            "roles": entry.body["roles"],
            "record_id": record_id,
            "reviewed_at": entry.recorded_at,
        },
    )


PROJECTION = Projection(chain_kind=access_rules.KIND, project=project, models={"ledger.AccessReview": "subject"})
