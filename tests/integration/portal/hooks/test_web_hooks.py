"""Web hooks: members' systems are told within seconds, signed, and nobody dead delays the others."""

from __future__ import annotations

import json
import time

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from ledger.clock import now
from ledger.crypto import base64s, ed25519
from ledger.divergence import report as reports
from ledger.errors import NotPermitted
from ledger.outbox import dispatcher
from ledger.outbox.models import JobState, OutboxJob
from ledger.parties.keystore import keystore
from portal.hooks import operations, queries, sending, signing
from portal.hooks.models import HookDelivery, WebHook
from portal.live.background import Background
from tests.factories import divergences, people
from tests.factories.people import member, organisation
from tests.integration.portal.hooks.receivers import receiver

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private(settings):
    settings.HOOKS_TO_PRIVATE = True


@pytest.fixture
def centre():
    organisation("operator")
    return organisation("treatment_centre")


def administrator(party):
    return people.actor("administrator", party)


def registered(url, party):
    return operations.add_hook(url=url, by=administrator(party), at=now())


def delivered():
    """What `notify` and then `hooks` do, here and now."""
    dispatcher.run_pending(queue="notify")
    dispatcher.run_pending(queue="hooks")


def test_a_divergence_is_delivered_with_the_witness_report_and_the_operators_signature(centre):
    operator = organisation("operator")
    with receiver() as taken:
        registered(taken.url, centre)
        one = divergences.reported(centre, at=now()).divergence
        delivered()

    [(headers, body)] = taken.came
    said = json.loads(body)
    assert (said["type"], said["data"]["id"]) == ("ledger.divergence.reported", str(one))
    assert said["data"]["evidence"].endswith(f"/divergences/{one}/evidence.zip")
    [report] = said["data"]["reports"]
    found = reports.opened(report["dsse"].encode(), divergences.two_views())
    reports.check_signature(found, report["vkey"])
    scheme, _, signature = headers["webhook-signature"].partition(",")
    assert scheme == "v1a"
    ed25519.verify(
        keystore().signer(f"party-{operator.pk}").public_key,
        signing.signed_text(message=headers["webhook-id"], timestamp=int(headers["webhook-timestamp"]), body=body),
        base64s.decode(signature, what="signature"),
    )


def test_a_receiver_that_fails_is_tried_again_with_the_same_id_and_each_attempt_is_written_down(centre):
    with receiver(status=503) as taken:
        hook = registered(taken.url, centre)
        divergences.reported(centre, at=now())
        delivered()
        OutboxJob.objects.filter(kind=operations.DELIVER).update(run_after=now())
        taken.status = 204
        delivered()

    [line] = queries.hooks_of(by=administrator(centre))
    assert [(one.attempt, one.status) for one in line.deliveries] == [(2, 204), (1, 503)]
    assert taken.came[0][0]["webhook-id"] == taken.came[1][0]["webhook-id"]
    hook.refresh_from_db()
    assert hook.failing_since is None
    assert OutboxJob.objects.get(kind=operations.DELIVER).state == JobState.DONE


def test_a_redirect_is_not_followed(centre):
    with receiver() as elsewhere, receiver(status=302, location=elsewhere.url) as taken:
        registered(taken.url, centre)
        divergences.reported(centre, at=now())
        delivered()

    assert len(taken.came) == 1
    assert elsewhere.came == []


def test_a_removed_address_gets_nothing_more(centre):
    with receiver() as taken:
        hook = registered(taken.url, centre)
        divergences.reported(centre, at=now())
        operations.remove_hook(hook=hook.pk, by=administrator(centre), at=now())
        delivered()

    assert taken.came == []


def test_the_same_report_by_five_witnesses_is_one_delivery(centre):
    with receiver() as taken:
        registered(taken.url, centre)
        for number in range(5):
            signer = divergences.InMemorySigner(bytes([0x50 + number]) * 32)
            divergences.reported(organisation("payer", number + 1), at=now(), signer=signer)
        delivered()

    assert len(taken.came) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.example/x",
        "ftp://hooks.example/",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.8/x",
        "https://192.168.1.1:8443/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://[2002:0a00:0001::]/",
        "https://0.0.0.0/",
        "https://user:secret@hooks.example/",
        "https://hooks.example/a b",
        "https://hooks.example/#x",
        "https://hooks.example:99999/",
        "https://" + "a" * 500 + ".example/",
    ],
)
def test_an_address_inside_or_ill_formed_is_refused(centre, settings, url):
    settings.HOOKS_TO_PRIVATE = False
    with pytest.raises(sending.BadAddress):
        registered(url, centre)


def test_a_name_that_leads_inside_reaches_nothing(settings):
    with receiver() as taken:
        port = taken.url.rsplit(":", 1)[1].split("/")[0]
        answer = sending.post(f"https://localhost:{port}/hook", body=b"{}", headers={}, private=False)

    assert (answer.status, taken.came) == (0, [])
    assert "private network" in answer.said


def test_a_member_has_at_most_five_addresses_and_each_once(centre):
    registered("https://hooks.example/0", centre)
    with pytest.raises(operations.HookTaken):
        registered("https://hooks.example/0", centre)
    for number in range(1, operations.MOST):
        registered(f"https://hooks.example/{number}", centre)
    with pytest.raises(operations.TooManyHooks):
        registered("https://hooks.example/more", centre)


def test_only_the_administrator_of_the_member_touches_its_addresses(centre):
    hook = registered("https://hooks.example/0", centre)
    with pytest.raises(NotPermitted):
        operations.add_hook(url="https://hooks.example/1", by=people.actor("nurse", centre), at=now())
    with pytest.raises(operations.HookUnknown):
        operations.remove_hook(hook=hook.pk, by=administrator(organisation("payer")), at=now())


def test_the_page_registers_tests_shows_and_removes(centre):
    client = Client()
    client.force_login(member("administrator", centre).user)
    page = reverse("web_hooks")
    with receiver() as taken:
        assert client.post(page, {"url": "gopher://x"}).status_code == 422
        assert client.post(page, {"url": taken.url}).status_code == 302
        hook = WebHook.objects.get()
        assert client.post(reverse("web_hook_test", args=[hook.pk])).status_code == 302
        delivered()
        said = client.get(page).content.decode()

    assert json.loads(taken.came[0][1])["type"] == "test"
    assert taken.url in said
    assert "200" in said
    assert client.post(reverse("web_hook_remove", args=[hook.pk])).status_code == 302
    assert taken.url not in client.get(page).content.decode()


def test_the_command_does_the_same(centre, capsys):
    call_command("web_hook", "add", centre.code, "https://hooks.example/0")
    call_command("web_hook", "list", centre.code)
    assert "https://hooks.example/0  0 deliveries" in capsys.readouterr().out
    call_command("web_hook", "remove", centre.code, "https://hooks.example/0")
    with pytest.raises(CommandError, match="no web hook"):
        call_command("web_hook", "remove", centre.code, "https://hooks.example/0")
    with pytest.raises(CommandError, match="https"):
        call_command("web_hook", "add", centre.code, "nonsense")


@pytest.mark.timed
@pytest.mark.django_db(transaction=True)
def test_three_receivers_that_hang_delay_nobody_and_the_others_hear_within_five_seconds(centre):
    background = Background(queues=["notify", "hooks"], sequence=False)
    with (
        receiver(hang=True) as first,
        receiver(hang=True) as second,
        receiver(hang=True) as third,
        receiver() as good,
    ):
        for one in (first, second, third, good):
            registered(one.url, centre)
        background.start()
        try:
            began = time.monotonic()
            divergences.reported(centre, at=now())
            while not good.came and time.monotonic() - began < 10:
                time.sleep(0.02)
            took = time.monotonic() - began
        finally:
            background.stop()

    assert good.came, "it never came"
    assert took < 5, f"it took {took:.1f} s"
    assert HookDelivery.objects.filter(hook__url=good.url, status=200).count() == 1
