"""Each role's dashboard at 10,000 therapies against 100: the same questions, and hardly longer (issue: at most 1.3).

The rows are inserted directly (see `tests.factories.many`); the page is the real one, by Django's client. The
quickest of many times is compared, as whatever else the machine does only ever adds to it.
"""

from __future__ import annotations

import gc
import logging
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ledger.clock import now
from portal.accounts.models import Membership
from portal.demonstration import consortium, slots
from tests.factories.many import add_therapies, setting

FEW, MANY, TIMES = 100, 10_000, 12


@dataclass(frozen=True)
class Measured:
    """The quickest page in milliseconds, its queries, and its length in bytes."""

    milliseconds: float
    queries: int
    length: int


def measure(client: Client) -> Measured:
    client.get("/")
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/")
    assert page.status_code == 200
    seconds = []
    for _ in range(TIMES):
        gc.collect()
        started = time.perf_counter()
        client.get("/")
        seconds.append(time.perf_counter() - started)
    return Measured(min(seconds) * 1000, len(asked), len(page.content))


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
def test_no_dashboard_grows_with_the_number_of_therapies(monkeypatch):
    logging.disable(logging.WARNING)
    at = now()
    monkeypatch.setattr(consortium, "LOGGERS_A_COURIER", 20)
    cast = consortium.found(at=at - timedelta(days=300), tell=lambda line: None)
    slots.publish_all(cast, first=at - timedelta(days=10), days=30, at=at)
    where = setting(cast, at)
    clients = dashboards(set(where.parties.values()))

    add_therapies(where, first=0, count=FEW)
    few = {role: measure(client) for role, client in clients.items()}
    add_therapies(where, first=FEW, count=MANY - FEW)
    many = {role: measure(client) for role, client in clients.items()}

    print(f"\ndashboards: milliseconds and queries at {FEW:,} and at {MANY:,} therapies (ratio ≤ 1.3)")
    slow, curious = [], []
    for role in few:
        less, more = few[role], many[role]
        ratio = more.milliseconds / less.milliseconds
        print(
            f"  {role:<17} {less.milliseconds:7.1f} ms {less.queries:3d} {less.length:8,d} B"
            f" {more.milliseconds:8.1f} ms {more.queries:3d} {more.length:8,d} B   ratio {ratio:.2f}"
        )
        slow += [role] if ratio > 1.3 else []
        curious += [role] if less.queries != more.queries else []
    assert (slow, curious) == ([], [])
