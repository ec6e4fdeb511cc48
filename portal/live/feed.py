"""What a live frame may say, and to whom.

A frame says "this changed, fetch it again": the record's position among the leaves of all logs, its type, and the
therapy (or other subject) that it is about. It carries no data. Who may see it is asked of the database for every
batch, never remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from custody.therapies.queries import parties_of
from ledger.log.models import Leaf
from ledger.parties.actor import Actor

REPLAY_LIMIT = 200
"""More missed changes than these are told as one: fetch everything again."""
SCAN_LIMIT = 5_000
"""Leaves that are looked through for a client that comes back; one that was away for longer fetches again."""

DIVERGENCE = "ledger.divergence"
"""The kind of a frame that says: a divergence was reported, seen or settled. It goes to everybody and has no place in
the log, whose word counts least when it diverges; its `id` is only the newest index that is known."""

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A record that has got its place in the log; `parties` are those that take part in its therapy."""

    index: int
    kind: str
    subject: UUID
    author: UUID
    parties: frozenset[UUID]

    @property
    def frame(self) -> Frame:
        return {"id": self.index, "kind": self.kind, "subject": str(self.subject)}


def refetch_all(index: int) -> Frame:
    """The frame that stands for more changes than are worth naming, up to `index`."""
    return {"id": index, "kind": "refetch-all", "subject": None}


def ready(index: int) -> Frame:
    """The frame that ends the replay: the client has been told everything up to `index`."""
    return {"id": index, "kind": "ready", "subject": None}


def diverged(index: int) -> Frame:
    """The frame that makes every page look at the ledger's divergences again."""
    return {"id": index, "kind": DIVERGENCE, "subject": None}


def may_see(actor: Actor, change: Change) -> bool:
    """Whether the actor may know of a change: a regulator of all, a party of what it takes part in or wrote."""
    return actor.party_kind == "regulator" or actor.party in change.parties or actor.party == change.author


def frames_for(actor: Actor, changes: Iterable[Change]) -> list[Frame]:
    """The frames of the changes that the actor may know of."""
    return [change.frame for change in changes if may_see(actor, change)]


def newest_index() -> int:
    """The position of the leaf that was placed last, in whichever log; -1 while there is none."""
    last = Leaf.objects.order_by("-position").values_list("position", flat=True).first()
    return -1 if last is None else last


def changes_between(first: int, last: int) -> list[Change]:
    """The changes with positions from `first` to `last`, both included, in two queries."""
    rows = list(
        Leaf.objects.filter(position__gte=first, position__lte=last)
        .order_by("position")
        .values_list(
            "position", "record__type", "record__chain__kind", "record__chain__subject", "record__party_id", named=False
        )
    )
    parties = parties_of({subject for _, _, chain, subject, _ in rows if chain == "therapy"})
    return [
        Change(index, kind, subject, author, parties.get(subject, frozenset()))
        for index, kind, _, subject, author in rows
    ]


def missed(actor: Actor, *, since: int) -> list[Frame]:
    """What a client that has everything up to `since` has yet to be told, ending with `ready`."""
    newest = newest_index()
    if not -1 <= since <= newest or newest - since > SCAN_LIMIT:
        # Out of the log's range: the client remembers another log, a restored one perhaps.
        return [refetch_all(newest), ready(newest)]
    frames = frames_for(actor, changes_between(since + 1, newest))
    if len(frames) > REPLAY_LIMIT:
        frames = [refetch_all(newest)]
    return [*frames, ready(newest)]
