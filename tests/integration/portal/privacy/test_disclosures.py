"""Fields of a therapy: asked for, answered in part, read by the asker alone, provable, and gone at the end."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.urls import reverse

from custody.contract import disclosing
from custody.disclosures import operations, queries, tasks
from custody.disclosures.fields import sealed_fields
from custody.disclosures.models import Disclosure, DisclosurePackage
from custody.patients.access_log import looks_at
from custody.patients.queries import identities
from custody.therapies.models import Therapy
from ledger.bundles import checks, report
from ledger.bundles import format as file_format
from ledger.clock import now
from ledger.errors import NotPermitted
from ledger.log import sequencer
from ledger.log.contract import Refused
from ledger.log.models import Record, RefusedAction
from ledger.log.verification import findings
from ledger.outbox.models import OutboxJob
from ledger.parties.models import Party
from portal.actions.base import fresh_key
from portal.disclosures import tasks as telling
from portal.templatetags.np_numbers import NUMBER_WORDS

pytestmark = pytest.mark.django_db
WANTED = ["identity/birth_date", "identity/family_name", "step/order/indication"]


@pytest.fixture
def inspector(one):
    return one.cast.actor(one.cast.parties["R0901"].id, "inspector")


@pytest.fixture
def officer(one):
    return one.actor("centre", "data_protection_officer")


def _ask(one, by, fields=WANTED, holder="centre", **more):
    at = more.pop("at", now())
    record = operations.ask(
        therapy=one.therapy,
        holder=more.pop("party", None) or one.cast.parties["X0042"].id,
        fields=fields,
        purpose="inspection",
        until=at + timedelta(days=10),
        by=by,
        at=at,
        key=fresh_key(),
    )
    return record.chain.subject


def _answer(disclosure, by, fields=WANTED):
    return operations.answer(disclosure=disclosure, fields=fields, by=by, at=now(), key=fresh_key())


def test_the_asker_reads_what_the_holder_discloses_and_nobody_else_does(one, inspector, officer):
    asked = _ask(one, inspector)
    assert queries.shown(disclosure=asked, by=inspector, at=now()) == []
    _answer(asked, officer, WANTED[:2])

    patient = Therapy.objects.get(pk=one.therapy).patient_id
    known = identities(by=one.actor("centre", "nurse"), patient_ids=[patient])[patient]
    shown = {field.name: field.value for field in queries.shown(disclosure=asked, by=inspector, at=now())}
    assert shown == {"identity/family_name": known.family_name, "identity/birth_date": known.birth_date.isoformat()}
    assert queries.shown(disclosure=asked, by=officer, at=now()) == []
    with pytest.raises(operations.DisclosureUnknown):
        queries.shown(disclosure=asked, by=one.actor("payer", "payer_analyst"), at=now())
    look = looks_at(patient, limit=1)[0]
    assert (look.person, look.way, look.purpose) == (inspector.person, "disclosure", "inspection")
    for envelope in Record.objects.filter(chain__subject=asked).values_list("envelope", flat=True):
        import base64

        payload = base64.b64decode(json.loads(bytes(envelope))["payload"]).decode()
        assert known.family_name not in payload
        assert known.birth_date.isoformat() not in payload
    assert list(findings()) == []


def test_a_moved_package_opens_nothing(one, inspector, officer):
    first, second = _ask(one, inspector), _ask(one, inspector)
    _answer(first, officer)
    _answer(second, officer)
    stolen = DisclosurePackage.objects.get(pk=first).sealed
    DisclosurePackage.objects.filter(pk=second).update(sealed=stolen)
    with pytest.raises(Exception, match="not made for this recipient"):
        queries.shown(disclosure=second, by=inspector, at=now())


def test_it_ends_by_its_time_and_by_withdrawal(one, inspector, officer):
    asked = _ask(one, inspector)
    _answer(asked, officer)
    later = now() + timedelta(days=11)
    assert queries.shown(disclosure=asked, by=inspector, at=later) == []
    assert tasks.expire(at=later) == 1
    assert not DisclosurePackage.objects.exists()

    other = _ask(one, inspector)
    _answer(other, officer)
    operations.withdraw(disclosure=other, by=officer, at=now(), key=fresh_key())
    assert queries.shown(disclosure=other, by=inspector, at=now()) == []
    with pytest.raises(Refused, match="nothing to withdraw"):
        operations.withdraw(disclosure=other, by=officer, at=now(), key=fresh_key())


def test_a_refusal_and_a_late_answer(one, inspector, officer):
    refused = _ask(one, inspector)
    operations.refuse(disclosure=refused, reason="no_basis", by=officer, at=now(), key=fresh_key())
    with pytest.raises(Refused, match="not open any more"):
        _answer(refused, officer)
    late = _ask(one, inspector, at=now() - timedelta(days=12))
    with pytest.raises(Refused, match="over"):
        _answer(late, officer)
    assert {row.status for row in Disclosure.objects.all()} == {"refused", "asked"}


def test_who_may_ask_and_who_may_answer(one, inspector, officer):
    nurse, other = one.actor("centre", "nurse"), one.cast.actor(one.cast.parties["X0117"].id, "data_protection_officer")
    with pytest.raises(operations.FieldUnknown.__mro__[2]):
        _ask(one, nurse)
    asked = _ask(one, inspector)
    with pytest.raises(operations.DisclosureUnknown):
        _answer(asked, other)
    with pytest.raises(operations.FieldUnknown):
        _ask(one, inspector, ["identity/shoe_size"])
    with pytest.raises(Refused, match="among the fields"):
        _answer(asked, officer, ["identity/contact"])


def test_a_broken_record_write_leaves_nothing_behind(one, inspector, officer, monkeypatch):
    asked = _ask(one, inspector)
    monkeypatch.setattr(operations, "append", lambda **_: (_ for _ in ()).throw(RuntimeError("the disk is full")))
    with pytest.raises(RuntimeError):
        _answer(asked, officer)
    assert not DisclosurePackage.objects.exists()
    assert Disclosure.objects.get().status == "asked"


def test_shared_fields_are_read_by_the_maker_and_listed_on_the_patients_page(one, officer, sign_in):
    client = sign_in("data_protection_officer", "centre")
    page = client.get(reverse("share_fields", args=[one.therapy]))
    qp = one.actor("maker", "qp")
    form = {
        "idempotency_key": fresh_key(), "receiver": str(qp.party), "groups": ["identity"], "purpose": "treatment",
        "days": "7",
    }  # fmt: skip
    assert "Who the patient is" in page.content.decode()
    assert client.post(page.request["PATH_INFO"], form).status_code == 303

    row = Disclosure.objects.get()
    shown = queries.shown(disclosure=row.pk, by=qp, at=now())
    assert [field.name for field in shown] == [
        f"identity/{name}" for name in sorted(("given_name", "family_name", "birth_date", "record_number"))
    ]
    patient = Therapy.objects.get(pk=one.therapy).patient_id
    said = client.get(reverse("patient", args=[patient])).content.decode()
    assert "What others can see, or could" in said
    assert "Vaartkade Cell Works" in said


def test_the_file_is_checked_offline_and_an_altered_value_is_named(one, inspector, officer):
    asked = _ask(one, inspector)
    _answer(asked, officer)
    sequencer.drain()
    made = queries.bundle(disclosure=asked, by=inspector, at=now())
    file = io.BytesIO()
    file_format.write(file, made)
    file.seek(0)
    verdict = checks.check(file_format.read(file))

    assert verdict.problems == []
    assert [(line.name, line.sources) for line in verdict.disclosed] == [(name, 1) for name in WANTED]
    said = report.report(verdict)
    assert "What was disclosed: 3 of 3 values hold" in said
    wrong = replace(made.disclosed[0], value="1900-01-01")
    verdict = checks.check(replace(made, disclosed=(wrong, *made.disclosed[1:])))
    assert verdict.problems == [
        "disclosed.json: identity/birth_date: no record of this disclosure commits to this value"
    ]


def test_a_payer_gets_a_file_without_the_therapys_records(one, officer):
    analyst = one.actor("payer", "payer_analyst")
    asked = _ask(one, analyst, ["step/order/indication"])
    _answer(asked, officer, ["step/order/indication"])
    sequencer.drain()
    file = io.BytesIO()
    file_format.write(file, queries.bundle(disclosure=asked, by=analyst, at=now()))
    verdict = checks.check(file_format.read(io.BytesIO(file.getvalue())))

    assert verdict.problems == []
    assert [line.sources for line in verdict.disclosed] == [0]
    assert {line.chain_kind for line in verdict.records} <= {"register", "disclosure", "log"}
    with zipfile.ZipFile(file) as opened:
        assert "disclosed.json" in opened.namelist()


def test_ask_answer_and_read_on_the_screens(one, sign_in, mailoutbox):
    asker, officer = sign_in("inspector"), sign_in("data_protection_officer", "centre")
    page = asker.get(reverse("ask_disclosure", args=[one.therapy])).content.decode()
    assert "Indication" in page
    form = {"idempotency_key": fresh_key(), "fields_wanted": WANTED, "purpose": "inspection", "days": "5"}
    assert asker.post(reverse("ask_disclosure", args=[one.therapy]), form).status_code == 303
    row = Disclosure.objects.get()
    assert "Asked of you" in officer.get("/").content.decode()
    answered = officer.post(
        reverse("answer_disclosure", args=[row.pk]), {"idempotency_key": fresh_key(), "fields_shown": WANTED}
    )
    assert answered.status_code == 303
    sequencer.drain()
    said = asker.get(reverse("disclosure", args=[row.pk])).content.decode()
    fields = json.loads(re.search(r'<script id="disclosed-fields" type="application/json">(.*?)</script>', said)[1])
    assert {field["name"] for field in fields} == set(WANTED)
    evidence = asker.get(reverse("disclosure_evidence", args=[row.pk])).json()
    assert len(evidence["records"]) == 2
    assert len(evidence["sources"]["records"]) == 1
    assert asker.get(reverse("disclosure_file", args=[row.pk])).status_code == 200
    assert disclosing.PURPOSES["inspection"] in said
    assert fields[0]["value"] not in officer.get(reverse("disclosure", args=[row.pk])).content.decode()


def test_what_was_asked_for_and_not_shown_is_said_to_both(one, sign_in):
    asker, officer = sign_in("inspector"), sign_in("data_protection_officer", "centre")
    form = {"idempotency_key": fresh_key(), "fields_wanted": WANTED, "purpose": "inspection", "days": "5"}
    asker.post(reverse("ask_disclosure", args=[one.therapy]), form)
    row = Disclosure.objects.get()
    line = queries.disclosure(disclosure=row.pk, by=one.actor("centre", "data_protection_officer"))
    assert (line.told, line.left_out) == (line.titles, ())
    given = {"idempotency_key": fresh_key(), "fields_shown": [line.fields[0]]}
    assert officer.post(reverse("answer_disclosure", args=[row.pk]), given).status_code == 303

    for reader in (asker, officer):
        page = reader.get(reverse("disclosure", args=[row.pk]))
        assert page.status_code == 200
        said = page.content.decode()
        assert f"Disclosed: one of {NUMBER_WORDS[len(WANTED)]} fields" in said
        assert said.index("Asked for, not shown") < said.index(line.titles[-1])
        assert f"1 of {len(WANTED)}: " in reader.get(reverse("disclosures")).content.decode()


def test_fields_of_two_members_go_to_each_in_one_press_and_once(one, sign_in):
    one.on_to("test-sterility")
    asker = sign_in("inspector")
    address = reverse("ask_disclosure", args=[one.therapy])
    page = asker.get(address).content.decode()
    held = sealed_fields(Therapy.objects.get(pk=one.therapy))
    centre, maker = (Party.objects.get(pk=one.state["parties"][name]) for name in ("centre", "maker"))
    assert page.index(f"Goes to {centre.name}") < page.index(f"Goes to {maker.name}")
    theirs = next(field.name for field in held if field.holder == maker.id)
    form = {"idempotency_key": fresh_key(), "fields_wanted": [theirs, *WANTED], "purpose": "inspection", "days": "5"}

    said = asker.post(address, form, follow=True)
    assert said.redirect_chain[-1][0] == reverse("disclosures")
    assert f"Two requests: to {centre.name} and to {maker.name}." in said.content.decode()
    assert asker.post(address, form).status_code == 303
    cache.clear()
    assert asker.post(address, form).status_code == 303
    assert {(row.holder_id, tuple(row.fields)) for row in Disclosure.objects.all()} == {
        (centre.id, tuple(WANTED)),
        (maker.id, (theirs,)),
    }
    assert Disclosure.objects.count() == 2


def test_of_two_requests_neither_is_made_when_one_is_refused(one, inspector, monkeypatch):
    one.on_to("test-sterility")
    held = sealed_fields(Therapy.objects.get(pk=one.therapy))
    theirs = next(field.name for field in held if field.holder != held[0].holder)
    write, written = operations.append, []

    def second_refused(**arguments):
        if written:
            raise Refused("The shared rules say no.")
        written.append(write(**arguments))
        return written[0]

    monkeypatch.setattr(operations, "append", second_refused)
    at = now()
    with pytest.raises(Refused):
        operations.ask_each(
            therapy=one.therapy, fields=[*WANTED, theirs], purpose="inspection", until=at + timedelta(days=3),
            by=inspector, at=at, key=fresh_key(),
        )  # fmt: skip
    assert not Disclosure.objects.exists()
    assert RefusedAction.objects.get().operation == "custody.disclosures.ask_each"
    with pytest.raises(operations.FieldUnknown):
        operations.ask_each(
            therapy=one.therapy, fields=["identity/shoe_size"], purpose="inspection", until=at + timedelta(days=3),
            by=inspector, at=at, key=fresh_key(),
        )  # fmt: skip


def test_the_asker_takes_an_open_request_back_and_the_holder_sees_it(one, inspector, sign_in, mailoutbox):
    asked = _ask(one, inspector)
    asker, officer = sign_in("inspector"), sign_in("data_protection_officer", "centre")
    here, address = reverse("disclosure", args=[asked]), reverse("take_back_disclosure", args=[asked])
    assert address in asker.get(here).content.decode()
    assert "One request of yours waits for an answer" in asker.get(reverse("disclosures")).content.decode()
    assert address not in officer.get(here).content.decode()
    assert officer.get(address).status_code == 403
    form = {"idempotency_key": fresh_key()}
    assert asker.post(address, form).status_code == 422
    form["reason"] = "not_needed"
    assert asker.post(address, form).status_code == 303
    assert asker.post(address, form).status_code == 303

    row = Disclosure.objects.get()
    assert (row.status, row.reason, row.answered_by) == ("taken_back", "not_needed", inspector.person)
    assert "Asked of you" not in officer.get("/").content.decode()
    assert "Nobody waits for your answer" in asker.get(reverse("disclosures")).content.decode()
    said = officer.get(here).content.decode()
    assert "No answer is needed" in said
    assert "It is not needed any more" in said
    assert reverse("answer_disclosure", args=[asked]) not in said
    assert asker.get(address).status_code == 409
    job = OutboxJob.objects.get(kind=operations.TELL, payload__what="taken_back")
    telling.tell(job.payload, SimpleNamespace(at=now()))
    assert {mail.subject for mail in mailoutbox} == {"A request to you was taken back: no answer is needed"}
    assert list(findings()) == []


def test_nobody_but_the_asker_takes_back_and_nothing_that_was_answered(one, inspector, officer):
    asked = _ask(one, inspector)
    for by in (officer, one.actor("payer", "payer_analyst")):
        with pytest.raises(operations.DisclosureUnknown):
            operations.take_back(disclosure=asked, reason="not_needed", by=by, at=now(), key=fresh_key())
    with pytest.raises(NotPermitted):
        operations.take_back(
            disclosure=asked, reason="not_needed", at=now(), key=fresh_key(),
            by=replace(inspector, permissions=frozenset()),
        )  # fmt: skip
    with pytest.raises(Refused, match="known reasons"):
        operations.take_back(disclosure=asked, reason="no_basis", by=inspector, at=now(), key=fresh_key())
    _answer(asked, officer)
    with pytest.raises(Refused, match="not open any more"):
        operations.take_back(disclosure=asked, reason="not_needed", by=inspector, at=now(), key=fresh_key())
    assert Disclosure.objects.get().status == "answered"


def test_a_broken_record_write_leaves_a_request_open(one, inspector, monkeypatch):
    asked = _ask(one, inspector)
    monkeypatch.setattr(operations, "append", lambda **_: (_ for _ in ()).throw(RuntimeError("the disk is full")))
    with pytest.raises(RuntimeError):
        operations.take_back(disclosure=asked, reason="not_needed", by=inspector, at=now(), key=fresh_key())
    assert Disclosure.objects.get().status == "asked"


def test_a_page_of_disclosures_asks_no_more_for_more(one, inspector, officer, sign_in, django_assert_max_num_queries):
    client = sign_in("inspector")
    for _ in range(5):
        _answer(_ask(one, inspector), officer)
    client.get(reverse("disclosures"))
    with django_assert_max_num_queries(24):
        client.get(reverse("disclosures"))


def test_every_sealed_field_of_the_ledger_can_be_named(one):
    names = [field.name for field in sealed_fields(Therapy.objects.get(pk=one.therapy))]
    assert len(names) == len(set(names)) >= 7
    assert all(disclosing.FIELD.fullmatch(name) for name in names)
