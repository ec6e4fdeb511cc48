"""What bars the rest of a chain that has begun, and whether anybody could still help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from custody.scheduling.impasse import impasse_of
from custody.scheduling.plan import Criteria
from custody.scheduling.rules import search_chains
from tests.unit.custody.scheduling.chain_problems import CENTRE, LANE, MAKER, T0, problem, slot

FRESH = 24 * 60
COLLECTED = T0 + timedelta(minutes=120)


def begun(*others, links=1, hold=FRESH, longest=100_000):
    """Collected at T0 for two hours; then as many links as have begun."""
    done = (slot(CENTRE.id, "apheresis", 0, minutes=120), slot(LANE, "pickup", 3, minutes=60))[:links]
    one = problem(*others, hold=hold, longest=longest)
    return replace(one, begun=done, requirements=replace(one.requirements, begun=links))


def later(hours):
    return COLLECTED + timedelta(hours=hours)


def test_before_the_first_link_has_begun_nothing_is_said():
    assert impasse_of(problem(), at=T0) is None


def test_while_a_place_could_still_be_published_it_says_which_and_until_when():
    found = impasse_of(begun(), at=later(2))
    assert (found.title, found.party, found.is_over) == ("Pickup", "courier_outbound", False)
    assert found.until == later(8)
    assert found.says[0] == "“Pickup” has to begin within 8 h of the end of “Collect”, until Mon 30 Nov, 18:00."


@pytest.mark.parametrize(("hours", "over"), [(8, False), (8.1, True), (66, True)])
def test_what_had_to_begin_is_past_though_the_cells_keep(hours, over):
    found = impasse_of(begun(), at=later(hours))
    assert found.is_over is over
    assert ("which is past" in found.says[0]) is over
    assert found.fresh_over is (hours > 24)
    assert found.fresh_until == later(24)


def test_the_cells_bar_it_where_the_way_is_longer_than_they_keep():
    found = impasse_of(begun(hold=300), at=later(3))
    assert found.until == later(5) - timedelta(minutes=60 + 120)
    assert found.is_over
    assert "Making has to begin within 5 h of the end of the collection, until Mon 30 Nov, 15:00;" in found.says[1]


def test_once_the_cells_are_made_their_hours_bar_nothing():
    found = impasse_of(begun(links=2, hold=None), at=later(100))
    assert found.fresh_until is None
    assert found.says[0].startswith("“Making” has to begin within 15 h of the end of “Pickup”")


def test_vein_to_vein_bars_it_where_nothing_else_does():
    found = impasse_of(begun(hold=None, longest=600), at=later(1))
    assert found.is_over
    assert found.says[-1].startswith("“Bed” has to begin until Mon 30 Nov, 18:00, and what comes before it takes")


def test_the_search_says_it_only_where_nothing_fits():
    criteria = Criteria(earliest=later(2))
    rest = [
        slot(LANE, "pickup", 6), slot(MAKER, "manufacturing", 12), slot(LANE, "return", 25),
        slot(CENTRE.id, "bed", 40),
    ]  # fmt: skip
    assert search_chains(begun(*rest), criteria, at=later(2)).impasse is None
    none = search_chains(begun(*rest[1:]), criteria, at=later(2))
    assert none.fitting == 0
    assert none.impasse == impasse_of(begun(), at=later(2))
