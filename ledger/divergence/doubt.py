"""From which place on a divergence puts the log's history in doubt. Pure.

Only a history that comes in two versions does that: a fork, two views, or a log that became shorter. What its evidence
proves counts from the first report. That a log became shorter no bytes can prove; it counts when members say so
of whom at least one must be honest (f + 1, where f of n may lie; DESIGN §3).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from ledger.crypto import canonical, dsse
from ledger.crypto.errors import VerificationError
from ledger.divergence.check import check
from ledger.divergence.report import Report
from ledger.log.entries import Entry, entry_of

PROVABLE = frozenset({"fork", "split_view"})
FORKING = PROVABLE | {"rollback"}
KEPT = "kept-"


@dataclass(frozen=True, slots=True)
class Told:
    """A report as the portal has it: whose witness signed it, and the verifier key that it was checked with."""

    party: UUID
    vkey: str
    report: Report


@dataclass(frozen=True, slots=True)
class Doubt:
    """`agreed`: the first place that is in doubt; None when no report says, and then it lies before `size`.

    `lost` are records that the log no longer shows, as a witness kept them.
    """

    agreed: int | None
    size: int
    lost: tuple[Entry, ...]


def liars(members: int) -> int:
    """How many of so many members may lie before the others are fooled."""
    return max(0, (members - 1) // 3)


def doubt_of(told: Collection[Told], *, log_key: str, members: int) -> Doubt | None:
    """What is in doubt after these reports of one divergence; None while nothing is. `members` have a witness."""
    found = [one for one in told if one.report.finding.kind in FORKING]
    believed = [one for one in found if one.report.finding.kind in PROVABLE and _is_proven(one, log_key)]
    if len({one.party for one in found}) > liars(members):
        believed += [one for one in found if one.report.finding.kind not in PROVABLE]
    if not believed:
        return None
    # A log that became shorter still shows what it has: what follows is lost.
    places = [
        one.report.finding.size if one.report.finding.kind == "rollback" else one.report.finding.index
        for one in believed
    ]
    known = [place for place in places if place is not None]
    return Doubt(
        agreed=min(known, default=None),
        size=min(one.report.finding.size for one in believed),
        lost=tuple(entry for one in believed for entry in _kept(one.report)),
    )


def _is_proven(told: Told, log_key: str) -> bool:
    try:
        return check(told.report, log_key=log_key, witness_key=told.vkey).proven
    except VerificationError:
        return False


def _kept(report: Report) -> list[Entry]:
    found = []
    for name, data in report.evidence.items():
        if name.startswith(KEPT):
            try:
                found.append(entry_of(canonical.decode(dsse.payload_of(data))))
            except VerificationError:
                continue
    return found
