"""A day that is far off is given with its year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from portal.presenters import planned

AT = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (1, "Tue"),
        (6, "Sun"),
        (7, "7 Dec"),
        (100, "10 Mar"),
        (330, "26 Oct"),
        (331, "27 Oct 2027"),
        (469, "13 Mar 2028"),
    ],
)
def test_a_day_beyond_eleven_months_has_its_year(days, said):
    task = SimpleNamespace(booked_at=None, due_at=AT + timedelta(days=days))

    assert planned.when(task, AT) == said  # type: ignore[arg-type]
