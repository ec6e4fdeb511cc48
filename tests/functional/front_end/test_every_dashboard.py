"""Where each role lands, on a dark desk and a light phone; the rest is for `manage.py walk`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser

from portal.accounts.roles import ROLES
from portal.demonstration.members import MEMBERS, OPERATOR
from portal.management.walking import Walk, page_key

pytestmark = pytest.mark.browser
MODES = ((1280, "dark"), (390, "light"))


def people() -> dict[str, str]:
    """The first person of each role."""
    found: dict[str, str] = {}
    for member in (*MEMBERS, OPERATOR):
        for name, role in member.people:
            found.setdefault(role, name)
    return found


def test_nothing_is_wrong_where_a_role_lands(chromium: Browser, portal_server: Any) -> None:
    walk = Walk(chromium, portal_server.url, modes=MODES, once=True)

    visits = []
    for person in people().values():
        with closing(walk.of(person)) as pages:
            visits.append(next(pages))

    assert set(people()) == set(ROLES)
    assert [(visit.person, visit.path, visit.faults) for visit in visits if not visit.is_clean] == []
    assert len({visit.person for visit in visits}) == len(ROLES)


def test_a_page_is_known_by_its_view_and_its_words() -> None:
    step = "/therapies/{}/steps/collect/"
    one, other = (
        step.format("0" * 8 + "-0000" * 3 + "-" + "0" * 12),
        step.format("1" * 8 + "-1111" * 3 + "-" + "1" * 12),
    )

    assert page_key(one) == page_key(other) == ("step", "collect")
    assert page_key("/ledger/?page=2") == ("ledger",)
    assert page_key("/log/checkpoint") is None
    assert page_key("/no-such-address/") is None
