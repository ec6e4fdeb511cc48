"""What is left when nothing of a begun chain can be booked any more: which limit bars it, since when, and for how long
anything could help. Pure; local times in the centre's zone.

The shared rules hold a place to the one before it, and fresh cells to the end of their collection. A place that nobody
has published can still be published; one that had to begin in the past cannot.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from custody.scheduling import wording
from custody.scheduling.plan import Impasse, Problem


def impasse_of(problem: Problem, *, at: datetime) -> Impasse | None:
    """How a chain whose first links have begun stands now; None before that, and once all have begun."""
    needs, zone = problem.requirements, problem.time_zone
    if not 0 < needs.begun < len(needs.specs):
        return None
    spec, before = needs.specs[needs.begun], problem.begun[-1]
    after = needs.specs[needs.begun - 1].title
    says, bounds = [], []
    if spec.gap_max_minutes:
        bounds.append(before.ends_at + timedelta(minutes=spec.gap_max_minutes))
        says.append(
            f"“{spec.title}” has to begin within {wording.span(spec.gap_max_minutes)} of the end of “{after}”, "
            f"{_by(bounds[-1], at, zone)}."
        )
    fresh = None
    if needs.hold_max_minutes is not None and needs.begun <= needs.making:
        fresh = problem.begun[0].ends_at + timedelta(minutes=needs.hold_max_minutes)
        bounds.append(fresh - timedelta(minutes=_least(problem, needs.making)))
        says.append(
            f"Making has to begin within {wording.span(needs.hold_max_minutes)} of the end of the collection, "
            f"{_by(fresh, at, zone)}; the way there takes {wording.span(_least(problem, needs.making))} at least."
        )
    last = problem.begun[0].starts_at + timedelta(minutes=needs.starts_apart_max_minutes)
    to_last = _least(problem, len(needs.specs) - 1)
    bounds.append(last - timedelta(minutes=to_last))
    if bounds[-1] < at:
        says.append(
            f"“{needs.specs[-1].title}” has to begin {_by(last, at, zone)}, and what comes before it takes "
            f"{wording.span(to_last)} at least."
        )
    until = min(bounds)
    return Impasse(
        title=spec.title,
        party=spec.party,
        says=tuple(says),
        until=until,
        is_over=until < at,
        fresh_until=fresh,
        fresh_over=fresh is not None and fresh < at,
    )


def _least(problem: Problem, onto: int) -> int:
    """The least minutes from the start of the next place to the start of a later one, by the protocol's gaps."""
    needs = problem.requirements
    between = range(needs.begun, onto)
    return sum(needs.specs[place].minutes + needs.specs[place + 1].gap_min_minutes for place in between)


def _by(moment: datetime, at: datetime, zone: str) -> str:
    return f"until {wording.when(moment, zone)}{', which is past' if moment < at else ''}"
