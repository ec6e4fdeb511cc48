"""A page that opens on a week opens on the one that holds the next working day."""

from __future__ import annotations

from datetime import date

import pytest

from custody.scheduling.weeks import working_week


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (date(2026, 11, 23), date(2026, 11, 23)),
        (date(2026, 11, 27), date(2026, 11, 23)),
        (date(2026, 11, 28), date(2026, 11, 30)),
        (date(2026, 11, 29), date(2026, 11, 30)),
        (date(2026, 12, 31), date(2026, 12, 28)),
        (date(2027, 1, 2), date(2027, 1, 4)),
    ],
)
def test_the_week_that_ends_is_left_at_its_end(day: date, monday: date) -> None:
    assert working_week(day) == monday
