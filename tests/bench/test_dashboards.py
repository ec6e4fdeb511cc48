"""Each role's dashboard at 10,000 therapies against 100: the same questions, and hardly longer (issue: at most 1.3).

The rows are inserted directly (see `tests.factories.many`); the page is the real one, by Django's client. Compared is
processor time, this process's and its PostgreSQL backend's, so that whatever else the machine does changes nothing;
the least of many pages, as noise only adds. Figures over all therapies are kept until one changes, so the page just
after a change is told too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ledger.clock import now
from portal.accounts.models import Membership
from portal.demonstration import consortium, slots
from tests.factories.many import add_therapies, setting
from tests.factories.processor import processor, server_seconds

FEW, MANY, TIMES = 100, 10_000, 15


@dataclass(frozen=True)
class Measured:
    """Processor milliseconds of a page and of one just after a change, its queries, and its length in bytes."""

    milliseconds: float
    after_a_change: float
    queries: int
    length: int


def measure(client: Client, server: Callable[[], float]) -> Measured:
    fresh = []
    for _ in range(TIMES // 3):
        cache.clear()
        fresh.append(processor(lambda: client.get("/"), server))
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/")
    queries = len(asked)
    assert page.status_code == 200
    kept = [processor(lambda: client.get("/"), server) for _ in range(TIMES)]
    return Measured(min(kept) * 1000, min(fresh) * 1000, queries, len(page.content))


def dashboards(parties: set) -> dict[str, Client]:
    """One signed-in person of each role, of an organisation that takes part where there is one."""
    rows = sorted(Membership.objects.select_related("user"), key=lambda one: (one.party_id not in parties, one.pk))
    found: dict[str, Client] = {}
    for membership in rows:
        if membership.role not in found:
            found[membership.role] = Client()
            found[membership.role].force_login(membership.user)
    return found


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db
@pytest.mark.parametrize("crowd", [False, True], ids=["most of them infused long ago", "half of them under way"])
def test_no_dashboard_grows_with_the_number_of_therapies(monkeypatch, crowd):
    logging.disable(logging.WARNING)
    at = now()
    monkeypatch.setattr(consortium, "LOGGERS_A_COURIER", 20)
    cast = consortium.found(at=at - timedelta(days=300), tell=lambda line: None)
    slots.publish_all(cast, first=at - timedelta(days=10), days=30, at=at)
    where = setting(cast, at, crowd=crowd)
    clients, server = dashboards(set(where.parties.values())), server_seconds()

    add_therapies(where, first=0, count=FEW)
    few = {role: measure(client, server) for role, client in clients.items()}
    add_therapies(where, first=FEW, count=MANY - FEW)
    many = {role: measure(client, server) for role, client in clients.items()}

    told = "half of them under way" if crowd else "fifty of them under way"
    print(f"\ndashboards at {FEW:,} and at {MANY:,} therapies, {told}: processor time, queries (ratio ≤ 1.3)")
    slow, curious = [], []
    for role, less in few.items():
        more = many[role]
        ratio = more.milliseconds / less.milliseconds
        print(
            f"  {role:<17}{less.milliseconds:7.1f} ms{less.queries:4d}{less.length:9,d} B"
            f"{more.milliseconds:8.1f} ms{more.queries:4d}{more.length:9,d} B   ratio {ratio:.2f}"
            f"   just after a change {less.after_a_change:.1f} and {more.after_a_change:.1f} ms"
        )
        slow += [role] if ratio > 1.3 else []
        curious += [role] if less.queries != more.queries else []
    assert (slow, curious) == ([], [])
