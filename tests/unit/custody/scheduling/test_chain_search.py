"""The search for whole slot chains, against one that tries every combination."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.scheduling.fitting import ChainDoesNotFit, check_chain
from custody.scheduling.plan import Criteria, Sort
from custody.scheduling.rules import SLACK_WITHIN_DAYS, plan, search_chains
from tests.unit.custody.scheduling.chain_problems import (
    CENTRE,
    LANE,
    MAKER,
    NEAR,
    SPECS,
    T0,
    VAN,
    every_chain,
    problem,
    slot,
    spec,
)  # fmt: skip

ONE_CHAIN = (
    slot(CENTRE.id, "apheresis", 24),
    slot(LANE, "pickup", 27),
    slot(MAKER, "manufacturing", 32),
    slot(LANE, "return", 44),
    slot(CENTRE.id, "bed", 49),
)


def search(given_problem, *, days=None, sort=Sort.SOONEST, limit=6, maker=None, at=T0):
    until = T0 + timedelta(days=days) if days is not None else None
    return search_chains(given_problem, Criteria(T0, fit_until=until, sort=sort, limit=limit, maker=maker), at=at)


# Each kind of place within a stretch of hours in which chains meet, miss and tie about equally often.
HOURS = {"apheresis": (0, 10), "pickup": (3, 16), "manufacturing": (8, 30), "return": (20, 48), "bed": (26, 70)}
OWNERS = {
    "apheresis": [CENTRE.id],
    "pickup": [LANE, VAN],
    "manufacturing": [MAKER, NEAR],
    "return": [LANE, VAN],
    "bed": [CENTRE.id],
}


def drawn_problem(seed):
    """A problem drawn evenly: Hypothesis' own draws lean to small numbers, where hardly any chain fits."""
    rng = Random(seed)
    slots = {}
    for kind, (low, high) in HOURS.items():
        for _ in range(rng.randint(2, 6)):
            one = slot(rng.choice(OWNERS[kind]), kind, rng.randint(low, high), rng.randint(0, 1),
                       rng.choice([500, 1200, 1200, 1200, 1200]))  # fmt: skip
            slots[one.id] = one
    specs = SPECS
    if rng.random() < 0.3:
        # One courier for both ways: the search has to choose it for the whole chain.
        specs = (specs[0], replace(specs[1], party="courier"), specs[2], replace(specs[3], party="courier"), specs[4])
    if rng.random() < 0.5:
        specs = tuple(replace(each, gap_max_minutes=0) for each in specs)
    return problem(
        *slots.values(),
        specs=specs,
        hold=rng.choice([None, None, 600, 1000]),
        longest=rng.choice([2000, 2600, 100_000]),
        transit={
            maker: {courier: rng.choice([0, 0, 200, 400]) for courier in (LANE, VAN) if rng.random() < 0.8}
            for maker in (MAKER, NEAR)
        },
        offset=60,
    )


def problems():
    return st.integers(0, 1 << 40).map(drawn_problem)


@settings(max_examples=400, deadline=None)
@given(problems(), st.sampled_from([None, 1]))
def test_every_offer_is_a_chain_that_holds_and_the_first_is_the_best_there_is(drawn, days):
    known = every_chain(drawn, T0, T0 + timedelta(days=days) if days is not None else None)

    found = search(drawn, days=days)

    ids = {tuple(one.id for one in chain) for _, chain in known}
    assert all(offer.slot_ids in ids for offer in found.offers)
    assert len({offer.slot_ids for offer in found.offers}) == len(found.offers)
    assert bool(found.offers) == bool(known) == (not found.reason)
    assert found.fitting == len({chain[2].id for _, chain in known})
    if known:
        best = min((chain[-1].starts_at, chain[-1].starts_at - chain[0].starts_at) for _, chain in known)
        first = found.offers[0]
        assert (first.slots[-1].starts_at, first.slots[-1].starts_at - first.collection_at) == best
        assert "Soonest" in first.why


@settings(max_examples=300, deadline=None)
@given(problems())
def test_most_slack_nearest_and_shortest_are_the_best_of_their_kind(drawn):
    known = every_chain(drawn, T0, None)
    if not known:
        return
    bound = min(chain[-1].starts_at for _, chain in known) + timedelta(days=SLACK_WITHIN_DAYS)

    slack = search(drawn, sort=Sort.SLACK, limit=1).offers[0]
    near = search(drawn, sort=Sort.NEAREST, limit=1).offers[0]
    short = search(drawn, sort=Sort.SHORTEST, limit=1).offers[0]

    spans = [chain[-1].starts_at - chain[2].starts_at for _, chain in known if chain[-1].starts_at <= bound]
    assert slack.slots[-1].starts_at - slack.slots[2].starts_at == max(spans)
    assert near.maker.km == min(drawn.makers[maker].km for maker, _ in known)
    shortest = min(chain[-1].starts_at - chain[0].starts_at for _, chain in known)
    assert short.slots[-1].starts_at - short.collection_at == shortest


@settings(max_examples=200, deadline=None)
@given(problems())
def test_chains_outside_the_fitness_window_are_counted_and_offered_when_nothing_else_fits(drawn):
    inside = {chain[2].id for _, chain in every_chain(drawn, T0, T0 + timedelta(hours=6))}
    anytime = every_chain(drawn, T0, None)

    found = search_chains(drawn, Criteria(T0, fit_until=T0 + timedelta(hours=6)), at=T0)

    assert found.outside == len({chain[2].id for _, chain in anytime}) - len(inside)
    assert bool(found.alternatives) == (not inside and bool(anytime))
    ids = {tuple(one.id for one in chain) for _, chain in anytime}
    assert all(offer.slot_ids in ids for offer in found.alternatives)


@settings(max_examples=200, deadline=None)
@given(problems(), st.data())
def test_the_check_before_booking_agrees_with_the_search(drawn, data):
    ids = {tuple(one.id for one in chain) for _, chain in every_chain(drawn, T0, None)}
    picks = [[one for one in drawn.slots if one.kind == each.kind] for each in drawn.requirements.specs]
    if not all(picks):
        return
    chain = [data.draw(st.sampled_from(choices)) for choices in picks]
    long_enough = all(
        one.ends_at >= one.starts_at + timedelta(minutes=each.minutes)
        for one, each in zip(chain, drawn.requirements.specs, strict=True)
    )
    couriers = {chain[1].party, chain[3].party}
    if not long_enough or (drawn.requirements.specs[1].party == "courier" and len(couriers) > 1):
        return  # the operation's own check, and the contract's

    try:
        check_chain(drawn, plan(drawn, chain))
        fits = True
    except ChainDoesNotFit:
        fits = False

    assert fits == (tuple(one.id for one in chain) in ids)


def test_an_offer_tells_its_times_and_what_it_sets_in_motion():
    found = search(problem(*ONE_CHAIN, hold=72 * 60, offset=2880), days=2)

    (offer,) = found.offers
    assert [each.code for each in offer.slots] == ["collect", "pickup", "making", "return", "bed"]
    assert [each.to_next_minutes for each in offer.slots] == [60, 240, 120, 60, None]
    assert (offer.hold_minutes, offer.hold_hours, offer.hold_max_hours) == (360, 6, 72)
    assert offer.vein_to_vein_days == 3
    assert offer.slack_minutes == (49 - 32) * 60 - (600 + 60 + 240)
    assert offer.effects[0].finding == "Hold 6 h of 72 h."
    assert offer.effects[0].more == "66 h to spare if the road is closed."
    assert [told.name for told in offer.told] == ["Linden", "Courier 1", "Maker 1"]


def test_one_chain_that_is_best_in_several_ways_is_offered_once_with_every_reason():
    near = [one._replace(party=NEAR, id=one.id) for one in ONE_CHAIN if one.kind == "manufacturing"]
    found = search(problem(*[one for one in ONE_CHAIN if one.kind != "manufacturing"], *near,
                           slot(MAKER, "manufacturing", 33)))  # fmt: skip

    assert found.offers[0].why == ("Soonest", "Nearest maker", "Most slack")
    assert found.offers[0].maker.id == NEAR
    assert [offer.why for offer in found.offers[1:]] == [("Next soonest",)]


def test_a_chosen_maker_is_the_only_one_offered():
    both = problem(*ONE_CHAIN, slot(NEAR, "manufacturing", 32))
    assert {offer.maker.id for offer in search(both, maker=NEAR).offers} == {NEAR}
    assert "does not make this product" in search(both, maker=LANE).reason


def test_a_slot_shorter_than_its_link_is_not_offered():
    short = slot(MAKER, "manufacturing", 32, minutes=599)
    found = search(problem(*[one for one in ONE_CHAIN if one.kind != "manufacturing"], short))
    assert not found.offers


def test_a_collection_in_the_past_is_never_offered():
    assert search(problem(*ONE_CHAIN)).offers
    assert not search(problem(*ONE_CHAIN), at=T0 + timedelta(hours=24, minutes=1)).offers


REASONS = [
    ((), 3, "No free place for “Collect” between Mon 30 Nov and Thu 3 Dec; none later is published."),
    (ONE_CHAIN[:1], 3, "No place for “Pickup” within 8 h of any “Collect” on Tue 1 Dec, 08:00; none later is published."),  # noqa: E501
    ((*ONE_CHAIN[:2], slot(MAKER, "manufacturing", 90), *ONE_CHAIN[3:]), 3,
     "No place for “Making” within 15 h of any “Pickup” on Tue 1 Dec, 11:00; the next is on Fri 4 Dec, 02:00."),
    (ONE_CHAIN, 0, "No free place for “Collect” between Mon 30 Nov and Mon 30 Nov; the next is on Tue 1 Dec, 08:00."),
]  # fmt: skip


@pytest.mark.parametrize(("slots", "days", "reason"), REASONS)
def test_when_nothing_fits_the_first_failing_link_is_named_with_what_comes_next(slots, days, reason):
    found = search(problem(*slots), days=days)
    assert not found.offers
    assert found.reason == reason


def test_limits_over_the_whole_chain_are_named_when_every_link_has_a_place():
    held = search(problem(*ONE_CHAIN, hold=5 * 60))
    assert "no chain stays within 5 h from the end of collection to the start of making" in held.reason
    long = search(problem(*ONE_CHAIN, longest=1000))
    assert long.reason.endswith("no chain stays within 16 h 40 from vein to vein.")


def test_without_a_courier_the_reason_says_so():
    found = search(problem(*ONE_CHAIN, transit={MAKER: {}, NEAR: {}}))
    assert found.reason.startswith("No courier serves your centre and Maker")


def test_a_protocol_without_making_is_searched_to_its_last_slot():
    specs = (spec("collect", "apheresis", "centre", 120), spec("bed", "bed", "centre", 600, 60, 5000))
    found = search(problem(*ONE_CHAIN, specs=specs))
    assert [each.code for each in found.offers[0].slots] == ["collect", "bed"]


def test_a_long_road_rules_out_a_start_that_comes_too_soon():
    roads = {MAKER: {LANE: 300}, NEAR: {}}
    assert not search(problem(*ONE_CHAIN, transit=roads)).offers
    assert search(problem(*ONE_CHAIN, slot(MAKER, "manufacturing", 33), transit=roads)).offers
