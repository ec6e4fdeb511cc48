"""The greeting follows the clock of the site, night shifts included."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from portal.templatetags.np_times import greeting


@pytest.mark.parametrize(
    ("hour", "words"),
    [(0, "Good evening"), (3, "Good evening"), (4, "Good morning"), (11, "Good morning"), (12, "Good afternoon"),
     (17, "Good afternoon"), (18, "Good evening"), (23, "Good evening")],
)  # fmt: skip
def test_people_are_greeted_by_their_own_clock(hour, words):
    with timezone.override(UTC):
        assert greeting(datetime(2026, 11, 22, hour, 30, tzinfo=UTC)) == words
