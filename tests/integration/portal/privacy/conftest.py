"""One therapy on its way to the maker, told once, for the screens of patient data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from django.test import Client

from ledger.log import sequencer
from portal.accounts.models import Membership
from portal.demonstration.story import Story
from tests.factories.therapies import Told, small_consortium, told

PASSWORD = "one-thread-vein-to-vein"


@pytest.fixture(scope="module")
def one(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    with django_db_blocker.unblock(), transaction.atomic():
        therapy = told(small_consortium(), Story("rest", stop_before="transduce"))
        sequencer.drain()
        yield therapy
        transaction.set_rollback(True)


@pytest.fixture
def sign_in(one: Told, db: None) -> Callable[..., Client]:
    """A browser of somebody in that role: of the therapy's organisation in that capacity, or of that member."""

    def made(role: str, capacity: str = "", code: str = "") -> Client:
        held = Membership.objects.filter(role=role)
        if capacity:
            held = held.filter(party_id=one.state["parties"][capacity])
        if code:
            held = held.filter(party__code=code)
        client = Client()
        user = held.order_by("pk")[0].user
        assert client.post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
        return client

    return made
