"""The payer's screens: approvals, milestones by the protocol, and custody without patient or clinical data."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.compliance import evidence
from custody.exceptions.models import CustodyException
from custody.patients.models import Patient
from custody.patients.queries import identities
from custody.protocols.document import read
from custody.protocols.parts import Milestone
from custody.reimbursement import queries
from custody.therapies.models import StepRecord, Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.ids import uuid7
from ledger.log import sequencer
from ledger.log.evidence import readers_checkpoint
from ledger.log.models import Record
from ledger.log.queries import entry_in
from portal.accounts.demonstration import PASSWORD
from portal.demonstration.story import Story
from portal.presenters.money import money
from tests.append_only import lifted
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
CD19 = json.loads((Path(settings.BASE_DIR) / "protocols" / "cd19-fresh.json").read_text())


@pytest.fixture
def cast():
    return small_consortium()


def waiting(cast, number=1):
    return told(cast, Story("new", stop_before="payer-approval"), number=number)


def analyst(therapy):
    return signed_in(therapy.actor("payer", "payer_analyst"))


def decision(**changed):
    return {"decision": "approve", "idempotency_key": str(uuid7()), "signing_password": PASSWORD, **changed}


def decide_url(therapy):
    return reverse("payer_decision", args=[therapy.therapy])


def test_the_longest_waiting_approval_leads_the_page(cast):
    first, second = waiting(cast, 1), waiting(cast, 2)

    page = analyst(first).get("/")

    assert [one["therapy"].id for one in page.context["approvals"]] == [first.therapy, second.therapy]
    assert "Two approvals wait for you" in page.content.decode()
    assert "EUR\u00a0320,000" in page.content.decode()


def test_an_approval_is_recorded_once_however_often_it_is_sent(cast):
    therapy, form = waiting(cast), decision()
    client = analyst(therapy)

    first, second = (client.post(decide_url(therapy), form) for _ in range(2))

    assert first.status_code == second.status_code == 303
    assert StepRecord.objects.filter(therapy=therapy.therapy, step="payer-approval").count() == 1
    assert "Nothing waits for your decision" in client.get("/").content.decode()


def test_declining_ends_the_therapy(cast):
    therapy = waiting(cast)

    analyst(therapy).post(decide_url(therapy), decision(decision="decline"))

    assert Therapy.objects.get(pk=therapy.therapy).status == "declined"


def words_of(page):
    """What a person reads on a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).replace("&#x27;", "’").split())


@pytest.mark.parametrize(("choice", "words"), [("approve", "Cover approved"), ("decline", "Cover declined")])
def test_pages_say_how_it_was_decided_by_whom_and_under_which_reference(cast, choice, words):
    therapy = waiting(cast)
    client = analyst(therapy)
    client.post(decide_url(therapy), decision(decision=choice, value_reference="MM-4711"))
    person = therapy.actor("payer", "payer_analyst").name

    pages = ["/", reverse("therapies") + "?status=", reverse("therapy", args=[therapy.therapy])]

    for page in pages:
        shown = words_of(client.get(page))
        assert words in shown, page
        assert person in shown, page
        assert "Approval reference MM-4711" in shown, page


def test_the_therapys_page_tells_the_payer_what_the_cover_pays_for(cast):
    therapy = told(cast, Story("ordered", stop_before="booking"))

    payer, centre = (
        words_of(signed_in(therapy.actor(*who)).get(reverse("therapy", args=[therapy.therapy])))
        for who in (("payer", "payer_analyst"), ("centre", "nurse"))
    )

    assert "Paid on these conditions" in payer
    assert "EUR\u00a0320,000" in payer.replace("EUR 320,000", "EUR\u00a0320,000")
    assert "Cover approved" in centre
    assert "Paid on these conditions" not in centre


def test_a_decision_that_is_not_ones_business_is_not_told(cast):
    told(cast, Story("ordered", stop_before="booking"))
    other = cast.actor(cast.parties["P0522"].id, "payer_analyst")

    assert queries.decisions(by=other) == []


def test_without_a_decision_the_form_says_so_and_nothing_is_recorded(cast):
    therapy = waiting(cast)

    page = analyst(therapy).post(decide_url(therapy), decision(decision=""))

    assert page.status_code == 422
    assert "Approve or decline." in page.content.decode()
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="payer-approval").exists()


def test_a_stale_page_is_told_that_the_decision_was_taken(cast):
    therapy = waiting(cast)
    client, stale = analyst(therapy), decision()
    client.post(decide_url(therapy), decision())

    page = client.post(decide_url(therapy), stale)

    assert page.status_code == 404
    assert "not to be done now" in page.content.decode()


@pytest.mark.parametrize(("code", "role", "status"), [("P0522", "payer_analyst", 404), ("X0042", "nurse", 403)])
def test_nobody_else_decides(cast, code, role, status):
    therapy = waiting(cast)

    page = somebody(cast, code, role).post(decide_url(therapy), decision())

    assert page.status_code == status
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="payer-approval").exists()


def test_milestones_are_those_of_the_protocol_and_name_the_record_that_reached_them(cast):
    therapy = told(cast, Story("infused"))
    sequencer.drain()
    by = therapy.actor("payer", "payer_analyst")
    protocol = protocol_by_digest(therapy.state["protocol"])

    lines = queries.milestones_of(therapy=therapy.therapy, by=by)

    assert [(line.code, line.share_percent) for line in lines] == [
        (m.code, m.share_percent) for m in protocol.milestones
    ]
    collected = lines[0]
    record = StepRecord.objects.get(therapy=therapy.therapy, step="collect").record_id
    assert (collected.standing.record, collected.standing.standing) == (record, "verified")
    assert collected.amount_minor == protocol.price_minor // 10
    assert f"{collected.standing.leaf_index:,}" in signed_in(by).get("/").content.decode()


def test_a_forged_record_reaches_no_milestone_that_is_called_verified(cast):
    therapy = told(cast, Story("collected", stop_before="pack-outbound"))
    sequencer.drain()
    record = StepRecord.objects.get(therapy=therapy.therapy, step="collect").record_id
    with lifted(connection):
        row = Record.objects.get(pk=record)
        forged = bytes(row.envelope).replace(b'"payload":"eyJib2R5Ijp7', b'"payload":"eyJib2R5Ijp8')
        assert forged != bytes(row.envelope)
        Record.objects.filter(pk=record).update(envelope=forged)

    line = queries.milestones_of(therapy=therapy.therapy, by=therapy.actor("payer", "payer_analyst"))[0]

    assert line.standing.standing == "broken"
    assert "does not verify" in analyst(therapy).get("/").content.decode()


def test_amounts_add_up_to_the_price_whatever_the_rounding():
    thirds = tuple(Milestone(f"m{number}", "", "collect", share) for number, share in enumerate((33, 33, 34)))
    protocol = replace(read(CD19), milestones=thirds, price_minor=10_001)

    assert sum(queries.amounts(protocol).values()) == 10_001


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (32_000_000, "EUR", "EUR\u00a0320,000"),
        (3_250_050, "GBP", "GBP\u00a032,500.50"),
        (500, "JPY", "JPY\u00a0500"),
        (-5, "EUR", "EUR\u00a0−0.05"),
    ],
)
def test_money_in_words(minor, currency, words):
    assert money(minor, currency) == words


def canaries(therapy):
    """What no payer and no courier may ever see: who the patient is, and every value that others entered."""
    centre = therapy.actor("centre", "physician")
    patient = Therapy.objects.get(pk=therapy.therapy).patient_id
    known = identities(by=centre, patient_ids=[patient])[patient]
    assert Patient.objects.filter(pk=patient).exists()
    found = {known.full_name, known.record_number, str(known.birth_date), known.birth_date.strftime("%-d %b %Y")}
    for record in therapy.chain.records.all():
        entry = entry_in(record)
        for code, value in dict(entry.body.get("values", {})).items():
            if str(code) in {"weight", "volume", "cd3-purity", "viability", "cell-count", "viable-cells"}:
                found.add(f"{value['value']}{' ' + value['unit'] if value['unit'] else ''}")
    return {one for one in found if len(one) > 3}


@pytest.mark.parametrize(("capacity", "role"), [("payer", "payer_analyst"), ("courier_outbound", "courier")])
def test_no_page_of_a_payer_or_courier_holds_patient_data_or_a_value(cast, capacity, role):
    story = Story("marked", outside=frozenset({"wash-and-select", "test-viability"}), resolve=False)
    therapy = told(cast, story)
    sequencer.drain()
    client = signed_in(therapy.actor(capacity, role))
    pages = ["/", reverse("therapies"), reverse("exceptions"), reverse("therapy", args=[therapy.therapy])]
    pages += [reverse("exception", args=[one.pk]) for one in CustodyException.objects.filter(therapy=therapy.therapy)]
    pages += [reverse("therapy_proofs", args=[therapy.therapy]), reverse("ledger")]

    shown = {page: client.get(page) for page in pages}

    marks = canaries(therapy)
    assert len(marks) >= 4
    for page, response in shown.items():
        # A courier is told that an exception exists which is not of the road, and no more.
        assert response.status_code == 200 or (capacity != "payer" and "/exceptions/" in page), page
        text = " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
        assert not [mark for mark in marks if mark in text], page
        assert "85 to 100 %" not in text


def test_a_payers_evidence_holds_no_step_record(cast):
    therapy = told(cast, Story("infused"))
    sequencer.drain()
    by = therapy.actor("payer", "payer_analyst")
    size = readers_checkpoint().size

    pack = evidence.pack(therapy=therapy.therapy, size=size, by=by)

    assert pack["records"] == []
    assert set(pack["stated"]["done"]["collect"]) == {"leaf"}
    client = signed_in(by)
    record = StepRecord.objects.get(therapy=therapy.therapy, step="collect").record_id
    assert client.get(reverse("record_envelope", args=[record])).status_code == 403
    assert client.get(reverse("log_tile", args=["entries/000.p/9"])).status_code == 403
    assert client.get(reverse("record_proof", args=[record])).status_code == 200


def test_a_payer_sees_no_therapy_of_another(cast):
    therapy = told(cast, Story("ordered", stop_before="booking"))
    other = somebody(cast, "P0522", "payer_analyst")
    record = therapy.chain.records.first()

    for name, argument in (
        ("therapy", therapy.therapy),
        ("therapy_proofs", therapy.therapy),
        ("record_proof", record.pk),
    ):
        assert other.get(reverse(name, args=[argument])).status_code == 404
    assert other.get(reverse("proofs_evidence", args=[therapy.therapy])).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_therapies(cast):
    told(cast, Story("collected", stop_before="pack-outbound"), number=1)
    client = analyst(waiting(cast, 2))
    sequencer.drain()
    client.get("/")
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for number in range(3, 9):
        told(cast, Story("on", stop_before="pack-outbound" if number % 2 else "payer-approval"), number=number)
    sequencer.drain()
    with CaptureQueriesContext(connection) as many:
        client.get("/")

    assert len(many) == len(few)
