"""Lists that end after a page: the most urgent first, a true word about the rest, and a way to all of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from custody.therapies.models import OpenStep
from ledger.clock import now
from portal.accounts.models import Membership
from portal.dashboards.tasks import SHOWN
from portal.demonstration import consortium, slots
from tests.factories.many import add_therapies, setting

pytestmark = pytest.mark.django_db
THERAPIES = 240
UNDER_WAY = THERAPIES // 2


@pytest.fixture
def where(monkeypatch):
    at = now()
    monkeypatch.setattr(consortium, "LOGGERS_A_COURIER", 20)
    cast = consortium.found(at=at - timedelta(days=300), tell=lambda line: None)
    slots.publish_all(cast, first=at - timedelta(days=10), days=30, at=at)
    made = setting(cast, at)
    add_therapies(made, first=0, count=THERAPIES)
    return made


@pytest.fixture
def opened(client, where):
    def page(role: str, address: str = "/") -> str:
        membership = Membership.objects.filter(role=role, party_id__in=where.parties.values()).first()
        membership = membership or Membership.objects.filter(role=role).first()
        client.force_login(membership.user)
        response = client.get(address)
        assert response.status_code == 200
        return " ".join(response.content.decode().split())

    return page


def shown(page: str) -> list[int]:
    """The numbers of the therapies that a page names, in its order."""
    return list(dict.fromkeys(int(number) for number in re.findall(r"Heron (\d+)", page)))


@pytest.mark.parametrize(
    ("role", "says"),
    [
        ("nurse", "More than 99 things need you."),
        ("operator", "More than 99 steps need you."),
        ("qa", "More than 99 batches wait for your review."),
        ("qp", "More than 99 batches wait for your decision."),
        ("payer_analyst", "More than 99 approvals wait for you."),
        ("courier", "More than 49 more"),
    ],
)
def test_a_dashboard_begins_with_the_most_urgent_and_leads_to_the_rest(opened, role, says):
    page = opened(role)

    assert says in page
    assert 'aria-hidden="true">99+</span>' in page
    assert "More than 49 more" in page
    assert f'href="{reverse("worklist")}"' in page
    assert shown(page)[0] == 0


@pytest.mark.parametrize("role", ["nurse", "qa", "qp", "payer_analyst", "courier"])
def test_the_worklists_pages_hold_everything_once(opened, role):
    found: list[int] = []
    address = reverse("worklist")
    for number in range(20):
        page = opened(role, f"{address}?page={number}")
        found += shown(page)
        if "Next page" not in page:
            break

    assert found == [2 * n for n in range(UNDER_WAY)]


def test_what_an_exception_holds_pushes_no_work_off_the_page_and_is_not_lost(opened, where):
    late = OpenStep.objects.filter(kind="review").order_by("due_at")[: SHOWN + 10]
    OpenStep.objects.filter(pk__in=[row.pk for row in late]).update(held="excursion")

    first = shown(opened("qa"))
    pages = [shown(opened("qa", f"{reverse('worklist')}?page={number}")) for number in range(3)]

    assert first[0] == 2 * (SHOWN + 10)
    assert sorted(place for page in pages for place in page) == [2 * n for n in range(UNDER_WAY)]


def test_the_board_the_exceptions_and_the_therapies_go_on_page_by_page(opened):
    for role, address, total in (
        ("scheduler", reverse("batches"), UNDER_WAY),
        ("qa", reverse("exceptions"), UNDER_WAY),
        ("payer_analyst", reverse("therapies"), UNDER_WAY),
    ):
        found: list[int] = []
        for number in range(20):
            page = opened(role, f"{address}?page={number}&closed=900")
            found += shown(page)
            if "Next page" not in page:
                break
        assert sorted(found) == [2 * n for n in range(total)], address


def test_a_page_that_is_no_number_is_the_first_and_one_past_the_end_is_empty(opened):
    assert shown(opened("nurse", "/worklist/?page=minus"))[0] == 0
    assert shown(opened("nurse", "/worklist/?page=-3"))[0] == 0
    assert "The list ends before this page" in opened("nurse", "/worklist/?page=99999999")
