"""Which whole chains fit, and which of them to offer. Pure: no Django, no clock, no I/O (DESIGN §9).

For each start of making the best chain is made of the latest collection that leads to it (least hold, shortest vein to
vein) and the earliest last slot that it leads to; so one pass each way along a maker's line is exact.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from custody.scheduling import limits, reasons, wording
from custody.scheduling.impasse import impasse_of
from custody.scheduling.lines import FOREVER, NEVER, Line, lines_of
from custody.scheduling.plan import (
    Criteria,
    FreeSlot,
    Member,
    Offer,
    PlannedSlot,
    Problem,
    Requirements,
    SearchResult,
    Sort,
)

SLACK_WITHIN_DAYS = 7
"""The chain with the most slack is looked for among those that end within so many days of the soonest."""
MOST_OFFERS = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best chain through one start of making, before it is spelt out. Starts in seconds since 1970."""

    line: Line
    making: int
    collection: int
    ending: int
    until: int = FOREVER
    latest: bool = False

    @property
    def making_start(self) -> int:
        return self.line.layers[self.line.making].starts[self.making]

    @property
    def apart(self) -> int:
        """From the start of the first slot to the start of the last, which orders chains as vein to vein does."""
        return self.ending - self.collection

    @property
    def km(self) -> int:
        return self.line.maker.km if self.line.maker.km is not None else 1 << 30

    @property
    def soonest_key(self) -> tuple[int, int, int, str]:
        return self.ending, self.apart, self.km, self.line.maker.name


@dataclass(slots=True)
class _Found:
    """What the passes along one line gave, kept to spell out chains from it."""

    line: Line
    beginnings: list[list[int]]
    endings: list[list[int]]
    candidates: list[Candidate]


def search_chains(problem: Problem, criteria: Criteria, *, at: datetime) -> SearchResult:
    """The best whole chains for these criteria, distinct and each with the reason for which it is offered."""
    lines = list(lines_of(problem, maker=criteria.maker))
    low, high = _seconds(max(criteria.collect_from, at)), FOREVER
    if problem.begun:
        low = 0
    elif criteria.fit_until:
        high = _seconds(criteria.fit_until)
    found = [_passes(problem, line, low=low, high=high) for line in lines]
    fitting = _starts_reached(found)
    first = low if problem.begun else _seconds(at)
    anytime = [_passes(problem, each.line, low=first, high=FOREVER, endings=each.endings) for each in found]
    outside = _starts_reached(anytime) - fitting
    reason = ""
    alternatives: tuple[Offer, ...] = ()
    if not fitting:
        reason = reasons.why_none(problem, criteria, lines, low=low, high=high)
        alternatives = _offers(problem, criteria, anytime, at=at)
    return SearchResult(
        offers=_offers(problem, criteria, found, at=at),
        fitting=fitting,
        outside=outside,
        reason=reason,
        alternatives=alternatives,
        checked_at=at,
        slots_seen=len(problem.slots),
        impasse=None if fitting else impasse_of(problem, at=at),
    )


def _starts_reached(found: Iterable[_Found]) -> int:
    """How many starts of making a whole chain reaches; a maker has several lines when couriers are chosen for it."""
    return len({each.line.layers[each.line.making].slots[c.making].id for each in found for c in each.candidates})


def _seconds(moment: datetime) -> int:
    return -int(-moment.timestamp() // 1)


def _passes(problem: Problem, line: Line, *, low: int, high: int, endings: list[list[int]] | None = None) -> _Found:
    beginnings = line.beginnings(low=low, high=high)
    ends = endings or line.endings()
    needs = problem.requirements
    candidates = []
    for making, (begin, end) in enumerate(zip(beginnings[-1], ends[0], strict=True)):
        if begin == NEVER or end == NEVER:
            continue
        candidate = Candidate(line=line, making=making, collection=-begin, ending=end)
        if _holds(needs, candidate) and candidate.apart <= needs.starts_apart_max_minutes * 60:
            candidates.append(candidate)
    return _Found(line, beginnings, ends, candidates)


def _holds(needs: Requirements, candidate: Candidate) -> bool:
    if needs.hold_max_minutes is None or needs.begun > needs.making:
        return True
    hold = candidate.making_start - candidate.collection - needs.specs[0].minutes * 60
    return hold <= needs.hold_max_minutes * 60


def _offers(problem: Problem, criteria: Criteria, found: Sequence[_Found], *, at: datetime) -> tuple[Offer, ...]:
    candidates = [candidate for each in found for candidate in each.candidates]
    if not candidates:
        return ()
    limit = max(1, min(criteria.limit, MOST_OFFERS))
    passes = {id(each.line): each for each in found}
    chosen: dict[tuple[object, ...], Offer] = {}
    for why, candidate in _in_order(problem, criteria, candidates):
        if len(chosen) == limit and why in {_NEXT, ""}:
            break
        slots = _spell(problem, passes[id(candidate.line)], candidate)
        key = tuple(slot.id for slot in slots)
        if key in chosen:
            if why not in {_NEXT, ""}:
                chosen[key] = _with_why(chosen[key], why)
        elif len(chosen) < limit:
            chosen[key] = _offer(problem, candidate, slots, why=why, at=at)
    return tuple(sorted(chosen.values(), key=lambda offer: _sort_key(criteria.sort, offer)))


_NEXT = "Next soonest"


def _in_order(problem: Problem, criteria: Criteria, candidates: Sequence[Candidate]) -> Iterable[tuple[str, Candidate]]:
    """Candidates with the reason to offer them: the best of each kind, then the next best on other makers or days."""
    by_end = sorted(candidates, key=lambda candidate: candidate.soonest_key)
    best = [("Soonest", by_end[0])]
    if len({candidate.line.maker.id for candidate in candidates}) > 1 and by_end[0].line.maker.km is not None:
        nearest = min(candidates, key=lambda candidate: (candidate.km, *candidate.soonest_key))
        best.append(("Nearest maker", nearest))
    slackest = most_slack(problem.requirements, candidates, soonest=by_end[0].ending)
    if slackest is not None:
        best.append(("Most slack", slackest))
    shortest = min(candidates, key=lambda candidate: (candidate.apart, *candidate.soonest_key))
    best.append(("Shortest vein to vein", shortest))
    # What the person cares for comes first, so that it is offered even when only one chain may be.
    first = {Sort.NEAREST: "Nearest maker", Sort.SLACK: "Most slack", Sort.SHORTEST: "Shortest vein to vein"}
    best.sort(key=lambda pair: pair[0] != first.get(criteria.sort, "Soonest"))
    if criteria.sort is not Sort.SHORTEST:
        best = [pair for pair in best if pair[0] != "Shortest vein to vein"]
    yield from best
    seen = {(candidate.line.maker.id, candidate.collection // 86_400) for _, candidate in best}
    rest = []
    for candidate in by_end:
        place = (candidate.line.maker.id, candidate.collection // 86_400)
        if place in seen:
            rest.append(candidate)
        else:
            seen.add(place)
            yield _NEXT, candidate
    yield from ((_NEXT, candidate) for candidate in rest)


def most_slack(needs: Requirements, candidates: Sequence[Candidate], *, soonest: int) -> Candidate | None:
    """The chain with the most time to spare between making and the last slot, within a week of the soonest.

    Exact: the latest last slot is found for all starts of making in one pass; where that would make the way from vein
    to vein too long, it is found anew with the tighter bound, but only for starts that could still win.
    """
    bound = soonest + SLACK_WITHIN_DAYS * 86_400
    lines = {id(candidate.line): candidate.line for candidate in candidates}
    endings = {key: line.endings(until=bound, latest=True)[0] for key, line in lines.items()}
    longest = needs.starts_apart_max_minutes * 60
    queue: list[tuple[int, int, int, Candidate]] = []
    for number, candidate in enumerate(candidates):
        ending = -endings[id(candidate.line)][candidate.making]
        if ending != -NEVER:
            slacker = Candidate(candidate.line, candidate.making, candidate.collection, ending, bound, True)
            heapq.heappush(queue, (candidate.making_start - ending, ending, number, slacker))
    while queue:
        _, _, number, slacker = heapq.heappop(queue)
        if slacker.apart <= longest:
            return slacker
        until = min(bound, slacker.collection + longest)
        negated = slacker.line.endings(until=until, latest=True)[0][slacker.making]
        if negated != NEVER:
            exact = Candidate(slacker.line, slacker.making, slacker.collection, -negated, until, True)
            heapq.heappush(queue, (exact.making_start - exact.ending, exact.ending, number, exact))
    return None


def _spell(problem: Problem, found: _Found, candidate: Candidate) -> list[FreeSlot]:
    endings = found.endings
    if candidate.latest:
        endings = candidate.line.endings(until=candidate.until, latest=True)
    return candidate.line.path(candidate.making, found.beginnings, endings)


def _offer(problem: Problem, candidate: Candidate, slots: Sequence[FreeSlot], *, why: str, at: datetime) -> Offer:
    planned = plan(problem, slots)
    return offer_of(problem, planned, maker=candidate.line.maker, why=(why,), at=at)


def plan(problem: Problem, slots: Sequence[FreeSlot]) -> tuple[PlannedSlot, ...]:
    """The bookings that these slots, in the protocol's order, become."""
    specs = problem.requirements.specs
    ends = [slot.starts_at + timedelta(minutes=spec.minutes) for slot, spec in zip(slots, specs, strict=True)]
    following = [slot.starts_at for slot in slots[1:]]
    gaps = [int((start - end).total_seconds()) // 60 for start, end in zip(following, ends, strict=False)]
    return tuple(
        PlannedSlot(
            code=spec.code,
            title=spec.title,
            kind=spec.kind,
            slot=slot.id,
            party=slot.party,
            party_name=problem.name_of(slot.party),
            resource=slot.resource,
            starts_at=slot.starts_at,
            ends_at=end,
            to_next_minutes=gap,
        )
        for slot, spec, end, gap in zip(slots, specs, ends, [*gaps, None], strict=True)
    )


def offer_of(
    problem: Problem, planned: tuple[PlannedSlot, ...], *, maker: Member, why: tuple[str, ...], at: datetime
) -> Offer:
    """What a chain means: its times in days and hours, and what it sets in motion."""
    needs = problem.requirements
    first, last, making = planned[0], planned[-1], planned[needs.making]
    hold = minutes_of(making.starts_at - first.ends_at) if needs.making else 0
    slack = minutes_of(last.starts_at - making.starts_at) - needs.shortest_minutes
    zone = problem.time_zone
    infusion = last.starts_at + timedelta(minutes=needs.infusion_offset_minutes)
    payer = (problem.payer.id, problem.payer.name) if problem.payer else None
    return Offer(
        why=why,
        slots=planned,
        maker=maker,
        collection_at=first.starts_at,
        infusion_at=infusion,
        vein_to_vein_days=wording.days_between(first.starts_at, infusion, zone),
        hold_minutes=hold,
        hold_max_minutes=needs.hold_max_minutes,
        slack_minutes=slack,
        effects=wording.effects(needs, planned, hold=hold, slack=slack, zone=zone),
        told=wording.told(planned, payer),
        limits=limits.limits_of(needs, planned, hold=hold, slack=slack, at=at, zone=zone),
    )


def minutes_of(span: timedelta) -> int:
    return int(span.total_seconds()) // 60


def _with_why(offer: Offer, why: str) -> Offer:
    kept = () if offer.why == (_NEXT,) else offer.why
    return replace(offer, why=(*kept, why))


def _sort_key(sort: Sort, offer: Offer) -> tuple[object, ...]:
    km = offer.maker.km if offer.maker.km is not None else 1 << 30
    first: dict[Sort, object] = {
        Sort.SOONEST: offer.infusion_at,
        Sort.NEAREST: km,
        Sort.SLACK: -offer.slack_minutes,
        Sort.SHORTEST: offer.infusion_at - offer.collection_at,
    }
    return first[sort], offer.infusion_at, offer.infusion_at - offer.collection_at, km
