"""Divergences: witnesses' reports come in whatever they look like, everybody is told, and nothing is ever lost."""

from __future__ import annotations

import base64
import json
import threading
import time
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from ledger.clock import now
from ledger.crypto.ed25519 import InMemorySigner
from ledger.divergence import archive, queries
from ledger.divergence.models import Divergence, DivergenceAcknowledgement, DivergenceReport, DivergenceResolution
from ledger.divergence.operations import acknowledge, settle, take_report
from ledger.log import triggers
from ledger.log.models import Record
from ledger.outbox import dispatcher
from portal.live.background import Background
from tests.factories import divergences, people
from tests.factories.people import member, organisation

ADDRESS = "/api/divergences/"
EVERY_ROLE = [
    ("treatment_centre", "nurse"),
    ("manufacturer", "qa"),
    ("courier", "courier"),
    ("payer", "payer_analyst"),
    ("regulator", "inspector"),
    ("operator", "operator_steward"),
]
pytestmark = pytest.mark.django_db


@pytest.fixture
def centre():
    return organisation("treatment_centre")


def post(document, **more):
    return Client().post(ADDRESS, document, content_type="application/json", **more)


def signed_in(kind, role):
    client = Client()
    client.force_login(member(role, organisation(kind)).user)
    return client


def test_a_report_is_taken_once_and_writes_nothing_to_the_log(centre):
    at = now()
    divergences.enrolled(centre, at=at)
    document, records = divergences.document(centre, at=at), Record.objects.count()

    first, again = post(document), post(document)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert DivergenceReport.objects.count() == Divergence.objects.count() == 1
    assert Record.objects.count() == records


def test_the_same_found_by_two_members_is_one_divergence_with_two_reports(centre):
    other, at = organisation("payer"), now()
    first = divergences.reported(centre, at=at)
    second = divergences.reported(other, at=at, signer=InMemorySigner(b"\x32" * 32))

    assert (first.first, second.first, second.fresh) == (True, False, True)
    assert {one.party for one in queries.divergence_named(first.divergence).reporters} == {centre.pk, other.pk}


def test_a_report_by_a_key_that_nobody_enrolled_is_refused(centre):
    at = now()
    divergences.enrolled(centre, at=at)

    answer = post(divergences.document(centre, at=at, signer=InMemorySigner(b"\x99" * 32)))

    assert answer.status_code == 403
    assert "enrol_witness" in answer.json()["detail"]
    assert not Divergence.objects.exists()


def bent(document, change):
    value = json.loads(document)
    change(value)
    return json.dumps(value).encode()


def swap_evidence(value):
    value["evidence"]["seen.note"] = base64.b64encode(b"something else").decode()


@pytest.mark.parametrize(
    "bend",
    [
        lambda d: b"",
        lambda d: b"{",
        lambda d: b"[]",
        lambda d: b"\xff\xfe",
        lambda d: b"[" * 100_000,
        lambda d: d[:-20],
        lambda d: bent(d, swap_evidence),
        lambda d: bent(d, lambda v: v["evidence"].pop("seen.note")),
        lambda d: bent(d, lambda v: v.update(evidence=[])),
        lambda d: bent(d, lambda v: v.update(report=5)),
        lambda d: bent(d, lambda v: v.update(report="\ud800")),
        lambda d: bent(d, lambda v: v.update(more=1)),
        lambda d: bent(d, lambda v: v["evidence"].update({"seen.note": "!"})),
    ],
)
def test_a_malformed_report_is_refused_in_words(centre, bend):
    at = now()
    divergences.enrolled(centre, at=at)

    answer = post(bend(divergences.document(centre, at=at)))

    assert answer.status_code == 422, answer.content
    assert answer.json()["detail"]
    assert not Divergence.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "nonsense"},
        {"size": -1},
        {"index": -5},
        {"log": "another.example/log"},
        {"detected_at": "yesterday"},
        {"problem": ""},
        {"problem": "a\x00b"},
        {"evidence": {"../../etc/passwd": b"x"}},
    ],
)
def test_a_report_that_says_nonsense_is_refused_though_it_is_signed(centre, said):
    at = now()
    divergences.enrolled(centre, at=at)
    document = divergences.document(centre, at=at, **said)

    assert post(document).status_code == 422
    assert not Divergence.objects.exists()


def test_a_report_from_the_future_is_refused(centre):
    at = now()
    divergences.enrolled(centre, at=at)
    assert post(divergences.document(centre, at=at + timedelta(hours=1))).status_code == 422


def test_a_report_that_is_too_large_is_refused(centre):
    assert post(b"x" * 4_000_001).status_code == 413


def test_evidence_that_is_too_large_is_left_out_by_name(centre):
    at = now()
    evidence = {**divergences.two_views(), "tile/entries/000": b"x" * 3_000_000}
    taken = divergences.reported(centre, at=at, evidence=evidence)

    [(_, report)] = queries.reports_of(taken.divergence)
    assert set(report.finding.left_out) == {"tile/entries/000"}
    assert set(report.evidence) == {"seen.note", "shown.note"}


@pytest.mark.parametrize("model", [Divergence, DivergenceReport, DivergenceAcknowledgement, DivergenceResolution])
def test_nothing_of_a_divergence_is_changed_or_deleted(centre, model):
    at = now()
    taken = divergences.reported(centre, at=at)
    steward = people.actor("operator_steward", organisation("operator"))
    acknowledge(divergence=taken.divergence, by=steward, at=at)
    settle(divergence=taken.divergence, reason="The database was restored.", by=steward, at=at)

    field = "kind" if model is Divergence else "witness" if model is DivergenceReport else "role"
    for act in (lambda: model.objects.all()._raw_delete("default"), lambda: model.objects.update(**{field: "x"})):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()
    assert model.objects.count() == 1
    assert triggers.missing(connection, triggers.DIVERGENCE_TABLES) == []


@pytest.mark.parametrize(("kind", "role"), EVERY_ROLE)
def test_every_member_sees_the_red_bar_and_the_pages(centre, kind, role):
    client = signed_in(kind, role)
    assert "The ledger has diverged" not in client.get(reverse("ledger")).content.decode()

    taken = divergences.reported(centre, at=now())
    page = reverse("divergence", args=[taken.divergence])

    for address in ("/", reverse("ledger"), reverse("divergences"), reverse("divergence_bar")):
        said = client.get(address, follow=True).content.decode()
        assert "The ledger has diverged:" in said, address
        assert page in said, address
    said = client.get(page).content.decode()
    assert "Two versions of the log are shown" in said
    assert centre.name in said
    assert "python -m ledger.divergence" in said
    file = client.get(reverse("divergence_evidence", args=[taken.divergence]))
    report, _ = archive.read(BytesIO(file.content))
    assert report.evidence == dict(divergences.two_views())


def test_strangers_see_no_bar(centre):
    divergences.reported(centre, at=now())
    assert "diverged" not in Client().get("/accounts/login/").content.decode()


def test_evidence_with_a_record_is_not_for_payers(centre):
    at = now()
    evidence = {**divergences.two_views(), "entry-3": b"a record"}
    taken = divergences.reported(centre, at=at, kind="altered_entry", index=3, evidence=evidence)
    address = reverse("divergence_evidence", args=[taken.divergence])

    assert signed_in("payer", "payer_analyst").get(address).status_code == 403
    assert signed_in("regulator", "inspector").get(address).status_code == 200


def test_members_say_that_they_have_seen_it_once_each(centre):
    taken = divergences.reported(centre, at=now())
    address = reverse("divergence_acknowledge", args=[taken.divergence])
    client = signed_in("treatment_centre", "administrator")

    for _ in range(2):
        assert client.post(address).status_code == 302
    assert signed_in("payer", "administrator").post(address).status_code == 302
    assert signed_in("treatment_centre", "nurse").post(address).status_code == 403

    assert [seen.role for seen in queries.divergence_named(taken.divergence).seen] == ["administrator"] * 2
    assert queries.alarm().count == 1, "seeing it settles nothing"


def test_the_regulator_settles_it_with_a_reason_and_the_bar_goes(centre):
    taken = divergences.reported(centre, at=now())
    address = reverse("divergence_settle", args=[taken.divergence])
    inspector = signed_in("regulator", "inspector")

    for reason in ("", "short", "   ", "a\x00bcdefghijklm", "x" * 2_001):
        assert inspector.post(address, {"reason": reason}).status_code == 422
    assert signed_in("treatment_centre", "administrator").post(address, {"reason": "x" * 20}).status_code == 403
    assert queries.alarm().count == 1
    assert inspector.post(address, {"reason": "A backup was restored by mistake."}).status_code == 302
    assert inspector.post(address, {"reason": "A second opinion on it."}).status_code == 409

    assert queries.alarm() is None
    said = inspector.get(reverse("divergence", args=[taken.divergence])).content.decode()
    assert "A backup was restored by mistake." in said
    assert "The ledger has diverged:" not in said


def test_a_divergence_that_there_is_not_is_not_found():
    client = signed_in("regulator", "inspector")
    for name in ("divergence", "divergence_evidence"):
        assert client.get(reverse(name, args=[uuid4()])).status_code == 404
    for name in ("divergence_acknowledge", "divergence_settle"):
        assert client.post(reverse(name, args=[uuid4()]), {"reason": "x" * 20}).status_code == 404


def test_ledger_health_does_not_say_of_a_witness_that_found_something_that_it_agrees(centre):
    """Nor that it was never heard of, where a rewrite took its co-signatures away."""
    taken = divergences.reported(centre, at=now() - timedelta(minutes=2))
    divergences.enrolled(organisation("payer"), at=now(), signer=InMemorySigner(b"\x32" * 32))
    inspector = signed_in("regulator", "inspector")
    page = inspector.get(reverse("ledger")).content.decode()
    assert (page.count("Found a divergence"), page.count("Not heard of yet")) == (1, 1)

    by = people.actor("inspector", organisation("regulator"))
    settle(divergence=taken.divergence, reason="A backup was restored.", by=by, at=now())

    assert "Found a divergence" not in inspector.get(reverse("ledger")).content.decode()


def test_administrators_and_inspectors_get_one_mail_each(centre):
    whom = {
        member(role, organisation(kind)).user.email
        for kind, role in (
            ("treatment_centre", "administrator"),
            ("payer", "administrator"),
            ("regulator", "inspector"),
        )
    }
    member("nurse", centre)
    at = now()
    divergences.reported(centre, at=at)
    divergences.reported(organisation("payer"), at=at, signer=InMemorySigner(b"\x32" * 32))

    while dispatcher.drain(queues=frozenset({"notify"}), stopping=lambda: False):
        pass

    assert {address for message in mail.outbox for address in message.to} == whom
    assert len(mail.outbox) == len(whom)
    assert "/divergences/" in mail.outbox[0].body


def test_a_member_without_an_administrator_is_told_through_who_stands_in(centre):
    """Nobody's ledger diverges without a word to them: of each member at least one person gets the mail."""
    whom = {
        member(role, organisation(kind)).user.email
        for kind, role in (("manufacturer", "qa"), ("payer", "payer_analyst"), ("courier", "courier"))
    }
    member("operator", organisation("manufacturer"))
    whom |= {member("administrator", centre).user.email}
    member("data_protection_officer", centre)
    divergences.reported(centre, at=now())

    while dispatcher.drain(queues=frozenset({"notify"}), stopping=lambda: False):
        pass

    assert {address for message in mail.outbox for address in message.to} == whom
    assert len(mail.outbox) == len(whom)


@pytest.mark.django_db(transaction=True)
def test_mail_does_not_wait_until_therapies_are_on_hold(centre, monkeypatch):
    """To hold hundreds of therapies takes longer than the five seconds within which everybody has to know."""
    person, mailed, holding = member("administrator", centre), threading.Event(), threading.Event()

    def doubt_that_takes_long(*arguments, **more):
        holding.set()
        assert mailed.wait(60), "no mail came while therapies were being held"

    monkeypatch.setattr("custody.holds.tasks.doubt_of", doubt_that_takes_long)
    background = Background(queues=["notify", "holds", "default"], sequence=False)
    divergences.reported(centre, at=now())
    background.start()
    try:
        deadline = time.monotonic() + 60
        while not (mail.outbox and holding.is_set()) and time.monotonic() < deadline:
            time.sleep(0.02)
        came_meanwhile = holding.is_set() and [message.to for message in mail.outbox]
    finally:
        mailed.set()
        background.stop()

    assert came_meanwhile == [[person.user.email]]


def test_what_was_settled_and_is_found_again_is_open_again_and_names_what_was_settled(centre):
    at = now() - timedelta(minutes=3)
    first = divergences.reported(centre, at=at).divergence
    inspector = people.actor("inspector", organisation("regulator"))
    settle(divergence=first, reason="A backup was restored.", by=inspector, at=at + timedelta(minutes=1))

    late = post(divergences.document(centre, at=at + timedelta(seconds=30)))
    again = post(divergences.document(centre, at=at + timedelta(minutes=2)))

    assert (late.status_code, again.status_code) == (200, 201)
    assert late.json()["id"] == str(first)
    [line] = [one for one in queries.divergences(limit=9) if one.open]
    assert (str(line.id), line.reopens) == (again.json()["id"], first)
    said = signed_in("regulator", "inspector").get(reverse("divergence", args=[line.id])).content.decode()
    assert "A backup was restored." in said


def test_a_witness_that_reports_too_much_is_told_to_wait_and_the_others_are_heard(centre, settings):
    settings.REPORTS_OPEN = 3
    other, at = organisation("payer"), now()
    for number in range(3):
        divergences.reported(centre, at=at, problem=f"Claim {number}.")
    divergences.enrolled(other, at=at, signer=InMemorySigner(b"\x32" * 32))

    refused = post(divergences.document(centre, at=at, problem="Claim 4."))
    same = post(divergences.document(centre, at=at, problem="Claim 1."))
    heard = post(divergences.document(other, at=at, problem="Claim 5.", signer=InMemorySigner(b"\x32" * 32)))

    assert (refused.status_code, same.status_code, heard.status_code) == (429, 200, 201)
    assert "Nothing is lost" in refused.json()["detail"] or "sends it later" in refused.json()["detail"]


@pytest.mark.parametrize(("setting", "value"), [("REPORTS_AN_HOUR", 1), ("REPORTS_BYTES", 4_000)])
def test_rate_and_room_of_one_witness_are_bounded(centre, settings, setting, value):
    setattr(settings, setting, value)
    at = now()
    divergences.reported(centre, at=at, problem="One.", evidence={"a.note": b"x" * 1_500})

    assert (
        post(divergences.document(centre, at=at, problem="Two.", evidence={"a.note": b"x" * 2_000})).status_code == 429
    )


def test_what_others_found_too_is_not_counted_against_a_witness(centre, settings):
    settings.REPORTS_OPEN = 1
    at = now()
    divergences.reported(centre, at=at)
    divergences.reported(organisation("payer"), at=at, signer=InMemorySigner(b"\x32" * 32))

    assert post(divergences.document(centre, at=at, problem="Another.")).status_code == 201


def test_the_bar_names_what_was_found_and_not_the_silence_that_follows(centre):
    found = divergences.reported(centre, at=now())
    said = divergences.document(centre, at=now(), kind="stale", problem="Nothing was heard.", evidence={})
    silent = take_report(document=said, at=now())

    assert silent.divergence != found.divergence
    assert (queries.alarm().newest, queries.alarm().count) == (found.divergence, 2)
