"""Who looked: openings of one person, in one way, for one purpose and on one day are one line with all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from custody.patients.access_log import Look, together

AT = datetime(2026, 11, 24, 21, 30, tzinfo=UTC)
LOOK = Look(UUID(int=1), UUID(int=2), UUID(int=3), "nurse", "journey", "", AT)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def minutes_before(minutes: int, **changed: object) -> Look:
    return replace(LOOK, at=AT - timedelta(minutes=minutes), **changed)  # type: ignore[arg-type]


def test_a_page_that_is_opened_again_is_one_line_with_its_first_and_last_time():
    looks = [LOOK, minutes_before(5), minutes_before(90)]

    (group,) = together(looks, AMSTERDAM)

    assert (group.first_at, group.last_at) == (AT - timedelta(minutes=90), AT)
    assert group.looks == tuple(looks)


def test_another_person_way_purpose_or_day_is_another_line_and_nothing_is_lost():
    others = [
        minutes_before(1, person=UUID(int=9)),
        minutes_before(2, way="emergency"),
        minutes_before(3, purpose="identity_doubtful"),
        minutes_before(4, role="physician"),
        minutes_before(24 * 60),
    ]

    groups = together([LOOK, *others], AMSTERDAM)

    assert [group.looks for group in groups] == [(one,) for one in [LOOK, *others]]


def test_the_day_is_the_one_of_the_place_where_it_is_read():
    looks = [replace(LOOK, at=AT + timedelta(hours=2)), LOOK]

    assert len(together(looks, AMSTERDAM)) == 2
    assert len(together(looks, ZoneInfo("America/New_York"))) == 1


def test_the_patients_of_a_line_are_named_once_each():
    (group,) = together([LOOK, minutes_before(1, patient=UUID(int=7)), minutes_before(2)], AMSTERDAM)

    assert group.patients == (UUID(int=1), UUID(int=7))
