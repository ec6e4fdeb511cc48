"""The keys page: every organisation sees its own, administrators change them, the regulator sees all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ledger.clock import now
from ledger.ids import uuid7
from ledger.log import sequencer
from ledger.log.world import DatabaseWorld
from ledger.parties import key_operations, queries, signing
from ledger.parties.models import PartyKey
from tests.factories import keys as given
from tests.factories.people import member, organisation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget():
    for forget in (DatabaseWorld.forget, queries.forget, signing.forget):
        forget()
    yield
    signing.forget()


@pytest.fixture
def payer():
    return organisation("payer")


def signed_in(role, party):
    client = Client()
    client.force_login(member(role, party).user)
    return client


def send(client, address, **values):
    return client.post(address, {"idempotency_key": str(uuid7()), **values}, follow=True)


def key_of(party):
    return PartyKey.objects.get(party=party, ended_by=None)


def test_everybody_sees_the_keys_of_their_organisation_and_of_no_other(payer):
    other = organisation("courier")
    page = signed_in("payer_analyst", payer).get(reverse("keys")).content.decode()

    assert key_of(payer).key_id in page
    assert key_of(other).key_id not in page
    assert reverse("revoke_key", args=[key_of(payer).key_id]) not in page
    assert "No backup" in page


def test_the_regulator_sees_every_members_keys(payer):
    page = signed_in("inspector", organisation("regulator")).get(reverse("keys")).content.decode()

    assert key_of(payer).key_id in page
    assert reverse("revoke_key", args=[key_of(payer).key_id]) not in page


def test_an_administrator_rotates_the_key(payer):
    old = key_of(payer)
    client = signed_in("administrator", payer)

    refused = send(client, reverse("rotate_key"))
    assert refused.status_code == 422
    assert "cannot be taken back" in refused.content.decode()
    page = send(client, reverse("rotate_key"), sure="on").content.decode()

    assert "signs with a new key" in page
    assert key_of(payer).key_id != old.key_id
    assert "Replaced" in page


def test_an_administrator_adds_a_spare_key_and_revokes_the_other(payer):
    old, client = key_of(payer), signed_in("administrator", payer)
    send(client, reverse("add_spare_key"))
    address = reverse("revoke_key", args=[old.key_id])

    assert send(client, address, sure="on").status_code == 422, "a reason is asked for"
    page = send(client, address, sure="on", reason="compromised", since="2026-03-01T08:00").content.decode()

    old.refresh_from_db()
    assert (old.ended_how, old.doubtful_since.isoformat()) == ("compromised", "2026-03-01T08:00:00+00:00")
    assert "Revoked: known to others" in page
    assert "in other hands since" in page


def test_a_day_since_goes_with_lost_and_compromised_keys(payer):
    old, client = key_of(payer), signed_in("administrator", payer)
    send(client, reverse("add_spare_key"))

    answer = send(
        client, reverse("revoke_key", args=[old.key_id]), sure="on", reason="superseded", since="2026-03-01T08:00"
    )

    assert "lost or compromised" in answer.content.decode()
    old.refresh_from_db()
    assert old.ended_by_id is None


def test_the_last_key_is_not_revoked_by_its_own_administrator(payer):
    answer = send(
        signed_in("administrator", payer), reverse("revoke_key", args=[key_of(payer).key_id]), sure="on", reason="lost"
    )

    assert "a key is not revoked by itself" in answer.content.decode()
    assert key_of(payer)


def test_nobody_else_changes_keys(payer):
    analyst = signed_in("payer_analyst", payer)
    stranger = signed_in("administrator", organisation("courier"))

    assert analyst.get(reverse("rotate_key")).status_code == 403
    assert send(analyst, reverse("rotate_key"), sure="on").status_code == 403
    assert stranger.get(reverse("revoke_key", args=[key_of(payer).key_id])).status_code == 404


def test_the_steward_ends_a_members_last_key_and_issues_another(payer):
    lost, steward = key_of(payer), signed_in("operator_steward", organisation("operator"))

    page = send(steward, reverse("revoke_key", args=[lost.key_id]), sure="on", reason="lost").content.decode()
    assert reverse("reissue_key", args=[payer.pk]) in page
    member_page = signed_in("payer_analyst", payer).get(reverse("keys")).content.decode()
    assert "has no key in force" in member_page
    send(steward, reverse("reissue_key", args=[payer.pk]), sure="on")

    assert key_of(payer).origin == "reissued"


def test_the_page_says_when_the_backup_is_of_a_key_that_is_gone(payer):
    at, client = now(), signed_in("administrator", payer)
    given.backed_up(payer.pk, at=at)
    assert "Backed up, never rehearsed" in client.get(reverse("keys")).content.decode()
    key_operations.record_rehearsal(set_id="0f" * 16, shares=2, by=given.holder(payer.pk), at=at, key="rehearsal-1")
    assert "Backed up and rehearsed" in client.get(reverse("keys")).content.decode()
    key_operations.rotate_key(by=given.holder(payer.pk), at=at, key="rotate-1")
    assert "a key that no longer signs" in client.get(reverse("keys")).content.decode()


def test_the_page_and_the_ledger_show_both_keys_of_the_log_while_it_changes(payer):
    sequencer.drain()
    given.announced(at=now() + timedelta(seconds=1))
    sequencer.drain()
    client = signed_in("payer_analyst", payer)

    assert "checkpoints carry both signatures" in client.get(reverse("keys")).content.decode()
    assert "while it changes from one to the other" in client.get(reverse("ledger")).content.decode()
