"""A record's mark says what is known of its signature, and of the key that made it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ledger.log.queries import Standing
from portal.presenters.marks import mark_of

SINCE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("standing", "since", "mark"),
    [
        ("verified", None, ("verified", "verified")),
        ("verified", SINCE, ("signed", "verified, but signed while the key may have been in other hands")),
        ("stale", None, ("signed", "signed; too few witnesses have spoken in the last five minutes")),
        ("signed", None, ("signed", "signed, waiting for its place and its witnesses")),
        ("broken", SINCE, ("none", "does not verify")),
    ],
)
def test_the_mark_of_a_record(standing: str, since: datetime | None, mark: tuple[str, str]) -> None:
    assert mark_of(Standing(UUID(int=1), "", 1, standing, "", since)) == mark
