"""Places over a range of days: which slots a form's few lines are."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from custody.scheduling.ranges import PlaceRange, resources_in, slots_of
from ledger.errors import BadInput

BERLIN = ZoneInfo("Europe/Berlin")


def places(**changed):
    given = {
        "kind": "apheresis",
        "resources": ("chair 1", "chair 2"),
        "first": date(2026, 11, 23),
        "last": date(2026, 11, 29),
        "weekdays": frozenset(range(5)),
        "starts": (time(8),),
        "length": timedelta(hours=7),
    }
    return PlaceRange(**(given | changed))


def test_each_place_at_each_hour_on_each_weekday():
    slots = slots_of(places(starts=(time(8), time(15, 30))), BERLIN)

    assert len(slots) == 5 * 2 * 2
    assert slots[0].starts_at == datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert {slot.ends_at - slot.starts_at for slot in slots} == {timedelta(hours=7)}


def test_the_hour_of_the_clock_stays_when_the_clocks_change():
    found = slots_of(places(first=date(2026, 3, 28), last=date(2026, 3, 30), weekdays=frozenset(range(7))), BERLIN)

    assert [slot.starts_at.hour for slot in found[::2]] == [7, 6, 6]
    assert {slot.starts_at.astimezone(BERLIN).hour for slot in found} == {8}
    assert {slot.ends_at - slot.starts_at for slot in found} == {timedelta(hours=7)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("chair 1 to 3", ("chair 1", "chair 2", "chair 3")),
        ("suite A; suite B\n\n  suite   A ", ("suite A", "suite B")),
        ("Suite A; suite A; SUITEA", ("Suite A",)),
        ("bed 1 1; bed 11", ("bed 1 1", "bed 11")),
        ("ward 4, bed 7 to 8", ("ward 4, bed 7", "ward 4, bed 8")),
        ("road to 7", ("road to 7",)),
        ("", ()),
    ],
)
def test_places_are_named_one_a_line_or_in_a_row(text, found):
    assert resources_in(text) == found


@pytest.mark.parametrize("text", ["chair 4 to 1", "chair 1 to 9999", "\n".join(f"v{n}" for n in range(61))])
def test_a_row_that_is_none_is_refused(text):
    with pytest.raises(BadInput):
        resources_in(text)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"last": date(2026, 11, 22)}, "last"),
        ({"last": date(2027, 11, 24)}, "last"),
        ({"resources": ()}, "resources"),
        ({"starts": (time(8), time(8))}, "starts"),
        ({"last": date(2026, 11, 23), "weekdays": frozenset({6})}, "weekdays"),
    ],
)
def test_a_range_that_is_none_is_refused_at_its_field(changed, field):
    with pytest.raises(BadInput) as refused:
        slots_of(places(**changed), BERLIN)

    assert refused.value.field == field
