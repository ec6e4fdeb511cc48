"""A value of a step corrected on the screens: kept beside the former one everywhere, and verified."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from custody.contract.corrections import CORRECTED
from custody.disclosures.fields import reveal, sealed_fields
from custody.exceptions.models import CustodyException
from custody.protocols import document
from custody.therapies.models import StepRecord, Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.ids import uuid7
from ledger.log.models import Record
from ledger.log.verification import findings
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
STEP = "wash-and-select"


@pytest.fixture
def one():
    return told(small_consortium(), Story("told", stop_before="activate"))


def _address(one, step=STEP):
    return reverse("correct_step", args=[one.therapy, step])


def _form(client, one, second, step=STEP, **changed):
    page = client.get(_address(one, step))
    form = page.context["form"]
    sent = {name: form.initial.get(name, "") for name in form.fields if name.startswith("value_")}
    sent |= {
        "idempotency_key": form.initial["idempotency_key"], "reason": "misread", "signing_password": PASSWORD,
        "second_email": User.objects.get(pk=second.person).email, "second_password": PASSWORD,
    }  # fmt: skip
    return sent | changed


def _pair(one, capacity="maker", role="operator"):
    first = one.actor(capacity, role)
    return first, one.actor(capacity, role, other_than=first.person)


def halting_on(protocol, step, code):
    """The protocol with one more question that halts: no protocol of the folder has one on a step that is corrected."""

    def changed(known):
        return replace(known, halts=True) if known.code == code else known

    steps = [
        replace(one, fields=tuple(map(changed, one.fields))) if one.code == step else one for one in protocol.steps
    ]
    return replace(protocol, steps=tuple(steps))


def words(response):
    return " ".join(response.content.decode().split())


def test_a_corrected_value_stands_beside_the_former_one_with_both_signatures(one):
    first, second = _pair(one)
    client = signed_in(first)
    before = StepRecord.objects.get(therapy=one.therapy, step=STEP).values["cd3-purity"]["value"]
    assert f'href="{_address(one)}"' in words(client.get(reverse("batch", args=[one.therapy])))
    form = _form(client, one, second, **{"value_cd3-purity": "93.5"})

    answers = [client.post(_address(one), form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    record = Record.objects.get(type=CORRECTED)
    page = client.get(reverse("batch", args=[one.therapy]))
    said = words(page)
    assert f"<s>{before} %</s> 93.5 %" in said
    assert "Misread from the instrument or the paper" in said
    assert f"{first.name} and {second.name}" in said
    assert STEP in [step.line.step.code for step in page.context["eyes"]]
    journey = words(client.get(reverse("therapy", args=[one.therapy])))
    assert "Value corrected: Wash and select" in journey
    assert f"{before} %, now 93.5 %" in journey
    entry = words(signed_in(one.actor("maker", "qa")).get(reverse("audit_entry", args=[record.pk])))
    assert "93.5 %" in entry
    assert f"{before} %" in entry
    payer = words(signed_in(one.actor("payer", "payer_analyst")).get(reverse("therapy", args=[one.therapy])))
    assert "93.5" not in payer
    assert list(findings()) == []


def test_a_corrected_value_out_of_limits_opens_a_deviation_and_holds_the_review(one):
    first, second = _pair(one)
    client = signed_in(first)
    answer = client.post(_address(one), _form(client, one, second, **{"value_cd3-purity": "60"}))

    assert answer.status_code == 303
    assert CustodyException.objects.get(therapy=one.therapy).kind == "deviation"
    assert StepRecord.objects.get(therapy=one.therapy, step=STEP).in_limits is False
    assert list(findings()) == []


def test_a_correction_to_an_answer_that_halts_leads_to_the_full_screen_stop(one, monkeypatch):
    digest, step = one.state["protocol"], "accept-starting-material"
    monkeypatch.setitem(document._read, digest, halting_on(protocol_by_digest(digest), step, "seal-intact"))
    first, second = _pair(one)
    client = signed_in(first)

    answer = client.post(_address(one, step), _form(client, one, second, step, **{"value_seal-intact": "no"}))

    halted = CustodyException.objects.get(therapy=one.therapy, kind="halt")
    assert answer.status_code == 303
    assert answer["Location"] == reverse("exception_halted", args=[halted.pk])
    assert not Record.objects.filter(type=CORRECTED).exists()


def test_nothing_is_recorded_without_a_change_a_reason_or_a_second_person(one):
    first, second = _pair(one)
    client = signed_in(first)
    assert "Nothing differs" in words(client.post(_address(one), _form(client, one, second)))
    changed = {"value_cd3-purity": "93.5"}
    assert "Say why" in words(client.post(_address(one), _form(client, one, second, reason="", **changed)))
    alone = client.post(_address(one), _form(client, one, first, **changed))
    assert "somebody else than you" in words(alone)
    wrong = client.post(_address(one), _form(client, one, second, **{"value_cd3-purity": "many"}))
    assert "Enter a plain number" in words(wrong)
    assert not Record.objects.filter(type=CORRECTED).exists()


def test_who_may_not_correct_is_told_why(one):
    first, _ = _pair(one)
    assert signed_in(one.actor("maker", "qc_analyst")).get(_address(one)).status_code == 403
    assert signed_in(one.actor("centre", "nurse")).get(_address(one)).status_code == 403
    other = "M0408" if one.cast.parties["M0311"].id == first.party else "M0311"
    assert somebody(one.cast, other, "operator").get(_address(one)).status_code == 404
    waits = words(signed_in(first).get(_address(one, "activate")))
    assert "is not on record yet" in waits
    assert "Sign and correct" not in waits
    assert signed_in(first).get(_address(one, "no-such-step")).status_code == 404


def test_a_sealed_value_is_corrected_under_seal_and_disclosed_as_corrected():
    one = told(small_consortium(), Story("as planned"))
    therapy = Therapy.objects.get(pk=one.therapy)
    protocol = protocol_by_digest(therapy.protocol_digest)
    held = [field for field in sealed_fields(therapy) if field.group == "steps" and field.name.count("outcome")]
    assert held, "the outcome holds a sealed value"
    step, code = held[0].name.split("/")[1:]
    field = next(one for one in protocol.step(step).fields if one.code == code)
    first = one.actor("centre", *protocol.step(step).roles)
    second = one.actor("centre", *protocol.step(step).roles, other_than=first.person)
    client = signed_in(first)
    form = _form(client, one, second, step)
    former = form[f"value_{code}"]
    assert former
    changed = next(choice for choice in field.choices if choice != former)

    assert client.post(_address(one, step), form | {f"value_{code}": changed}).status_code == 303

    envelope = bytes(Record.objects.get(type=CORRECTED).envelope)
    assert changed.encode() not in envelope
    now = next(one for one in sealed_fields(therapy) if one.name == held[0].name)
    assert now.commitment != held[0].commitment
    assert reveal([now], by=first)[now.name].value == changed
    assert reveal(held[:1], by=first)[now.name].value == former
    assert _form(client, one, second, step)[f"value_{code}"] == changed
    assert list(findings()) == []


def test_the_list_of_what_waits_counts_corrections_and_exceptions_before_a_batch_is_opened(one):
    first, second = _pair(one)
    signed_in(first).post(_address(one), _form(signed_in(first), one, second, **{"value_cd3-purity": "93.5"}))
    one.on_to("review")
    dashboard = signed_in(one.actor("maker", "qa"))
    assert "One correction" in words(dashboard.get("/"))

    for kind, closed in (("deviation", None), ("excursion", one.now)):
        CustodyException.objects.create(
            id=uuid7(), therapy_id=one.therapy, kind=kind, rank=5, finding="Found.", step=STEP, leg="",
            party_id=first.party, record_id=uuid7(), opened_at=one.now, closed_at=closed,
        )  # fmt: skip
    shown = words(dashboard.get("/"))

    assert "One exception open" in shown
    assert "One exception closed" in shown
    assert "out of limits" in shown
    assert "Three things need eyes" in shown
