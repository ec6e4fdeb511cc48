"""Sessions: listed, ended, not taken over; guessing is told to the administrators and counted by every process."""

from __future__ import annotations

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client

from ledger.clock import now
from ledger.log.models import RefusedAction
from ledger.outbox.models import OutboxJob
from portal.accounts import alarms
from portal.caching import SharedLimitsCache
from tests.factories.people import PASSWORD, member, organisation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def nurse():
    return member("nurse", organisation("treatment_centre"), name="Ines Marlowe")


def signed_in(held, agent="Firefox"):
    client = Client(headers={"user-agent": agent})
    client.post("/accounts/login/", {"login": held.user.email, "password": PASSWORD})
    assert SESSION_KEY in client.session
    return client


def test_a_person_sees_their_sessions_and_ends_one(nurse):
    here, there = signed_in(nurse), signed_in(nurse, "Forgotten tablet")
    page = here.get("/accounts/sessions/")
    other = next(one for one in page.context["sessions"] if one.user_agent == "Forgotten tablet")

    assert len(page.context["sessions"]) == 2
    assert here.post("/accounts/sessions/", {"session": other.pk}).status_code == 302
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == 200


def test_nobody_ends_the_session_of_another(nurse):
    mine = signed_in(nurse)
    stranger = signed_in(member("nurse", organisation("treatment_centre"), name="Tom Okafor"))
    theirs = stranger.get("/accounts/sessions/").context["sessions"][0]

    assert mine.post("/accounts/sessions/", {"session": theirs.pk}).status_code == 404
    assert stranger.get("/").status_code == 200


def test_a_session_that_was_planted_is_not_taken_over(nurse):
    client = Client()
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = "x"
    session.save()
    before = session.session_key
    client.cookies["np"] = before
    client.post("/accounts/login/", {"login": nurse.user.email, "password": PASSWORD})

    assert client.session.session_key != before
    assert SESSION_KEY not in type(session)(before)


def test_a_form_from_elsewhere_signs_nobody_in_or_out(nurse):
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/accounts/login/", {"login": nurse.user.email, "password": PASSWORD})
    assert (answer.status_code, SESSION_KEY in strict.session) == (403, False)

    strict.force_login(nurse.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    for address in ("/accounts/logout/", "/accounts/sessions/", "/accounts/signature/app/"):
        assert strict.post(address, {"session": "others"}).status_code == 403
    assert SESSION_KEY in strict.session


def fail(held, times):
    for _ in range(times):
        Client().post("/accounts/login/", {"login": held.user.email, "password": "wrong wrong wrong"})


def test_repeated_failures_reach_the_administrators_and_the_audit_trail(nurse):
    chief = member("administrator", nurse.party, name="Greta Holm")
    fail(nurse, 4)
    assert not RefusedAction.objects.filter(code=alarms.CODE).exists()
    fail(nurse, 2)

    entry = RefusedAction.objects.get(code=alarms.CODE)
    assert (entry.person, entry.party) == (nurse.user.pk, nurse.party_id)
    job = OutboxJob.objects.get(kind=alarms.MAIL)
    alarms.mail(job.payload, type("Run", (), {"at": now()})())
    assert mail.outbox[-1].to == [chief.user.email]
    assert "Ines Marlowe" in mail.outbox[-1].body


def test_wrong_passwords_of_nobody_are_told_to_nobody():
    for _ in range(6):
        Client().post("/accounts/login/", {"login": "nobody@nowhere.example", "password": "wrong wrong wrong"})
    assert not RefusedAction.objects.filter(code=alarms.CODE).exists()


def test_limits_are_counted_by_every_process_and_the_rest_by_each():
    one, two = (SharedLimitsCache(name, {}) for name in ("first process", "second process"))
    assert one.add("allauth.mfa.totp.used?user=1&code=123456", "y", 30)
    assert not two.add("allauth.mfa.totp.used?user=1&code=123456", "y", 30)
    one.set("np-shared:failed:x", 1, 30)
    assert two.incr("np-shared:failed:x") == 2
    one.set("sums", 5)
    assert two.get("sums") is None
    assert isinstance(one, LocMemCache)
