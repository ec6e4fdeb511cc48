"""A row that was changed past the operations, by SQL: the pages say so in red and say what to do, and never break."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import connection
from django.urls import reverse

from custody.exceptions.models import CustodyException
from custody.therapies.models import StepRecord, Therapy
from ledger.crypto import base64s
from ledger.log.models import Chain, Leaf, PendingRecord, Record, SignedName
from ledger.parties.actor import Actor
from portal.demonstration.story import Story
from tests.append_only import lifted
from tests.factories.screens import signed_in
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
SAYS = "does not verify"
TO_DO = "What to do."


@pytest.fixture
def therapy():
    return told(small_consortium(), Story("tampered with", stop_before="review"))


def step_record(therapy, step: str) -> Record:
    return Record.objects.get(pk=StepRecord.objects.get(therapy=therapy.therapy, step=step).record_id)


def rewritten(record: Record, change: Callable[[dict], None]) -> None:
    """Put another envelope under a record: as its author, and nobody else, could have signed it."""
    envelope = json.loads(bytes(record.envelope))
    change(envelope)
    data = json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode()
    with lifted(connection):
        Record.objects.filter(pk=record.pk).update(envelope=data)


def payload_edited(therapy) -> None:
    def change(envelope: dict) -> None:
        payload = json.loads(base64s.decode(envelope["payload"], what="payload"))
        payload["body"]["in_limits"] = not payload["body"]["in_limits"]
        data = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        envelope["payload"] = base64s.encode(data)

    rewritten(step_record(therapy, "transduce"), change)


def payload_emptied(therapy) -> None:
    rewritten(step_record(therapy, "collect"), lambda envelope: envelope.update(payload=base64s.encode(b"{}")))


def signature_edited(therapy) -> None:
    def change(envelope: dict) -> None:
        first = envelope["signatures"][0]
        raw = bytearray(base64s.decode(first["sig"], what="signature"))
        raw[5] ^= 1
        first["sig"] = base64s.encode(bytes(raw))

    rewritten(step_record(therapy, "transduce"), change)


def envelope_is_no_envelope(therapy) -> None:
    record = step_record(therapy, "transduce")
    with lifted(connection):
        Record.objects.filter(pk=record.pk).update(envelope=b"\xff\x00 nothing")


def first_record_edited(therapy) -> None:
    rewritten(therapy.chain.records.get(seq=0), lambda envelope: envelope.update(payload=base64s.encode(b"{}")))


def deleted(record: Record) -> None:
    with lifted(connection):
        for model in (Leaf, PendingRecord, SignedName):
            model.objects.filter(record=record)._raw_delete("default")
        Record.objects.filter(pk=record.pk)._raw_delete("default")


def row_deleted(therapy) -> None:
    deleted(step_record(therapy, "transduce"))


def last_row_deleted(therapy) -> None:
    deleted(therapy.chain.records.order_by("-seq")[0])


def first_row_deleted(therapy) -> None:
    deleted(therapy.chain.records.get(seq=0))


def step_row_edited(therapy) -> None:
    StepRecord.objects.filter(therapy=therapy.therapy, step="transduce").update(in_limits=False)


def therapy_row_edited(therapy) -> None:
    Therapy.objects.filter(pk=therapy.therapy).update(stage="no such stage", status="none such")


def chain_state_emptied(therapy) -> None:
    Chain.objects.filter(pk=therapy.chain.pk).update(state={})


TAMPERINGS = [
    payload_edited, payload_emptied, signature_edited, envelope_is_no_envelope, first_record_edited, row_deleted,
    last_row_deleted, first_row_deleted, step_row_edited, therapy_row_edited, chain_state_emptied,
]  # fmt: skip


def readers(therapy) -> list[tuple[str, Actor]]:
    """The pages that show a therapy's records, each with somebody who may open it."""
    maker = therapy.actor("maker", "qa")
    return [
        ("therapy", therapy.actor("centre", "nurse")),
        ("therapy", therapy.actor("payer", "payer_analyst")),
        ("therapy", maker),
        ("batch", maker),
        ("therapy_proofs", maker),
    ]


def pages(therapy, people: list[tuple[str, Actor]]) -> dict[str, str]:
    seen = {}
    for name, by in people:
        response = signed_in(by).get(reverse(name, args=[therapy.therapy]))
        assert response.status_code == 200, (name, by.role)
        seen[f"{name} for {by.role}"] = " ".join(response.content.decode().split())
    return seen


def test_an_untouched_therapy_says_nothing_of_the_kind(therapy):
    for place, page in pages(therapy, readers(therapy)).items():
        assert SAYS not in page, place


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_a_tampered_therapy_is_named_on_its_pages(therapy, tamper):
    people = readers(therapy)
    tamper(therapy)

    for place, page in pages(therapy, people).items():
        if not place.startswith("therapy_proofs"):
            assert f"This therapy {SAYS}" in page, place
            assert TO_DO in page, place


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_files_and_home_pages_stand_beside_a_tampered_record(therapy, tamper):
    record = step_record(therapy, "transduce").pk
    browsers = {role: signed_in(therapy.actor("maker", role)) for role in ("operator", "qa")}
    browsers["courier"] = signed_in(therapy.actor("courier_outbound", "courier"))
    tamper(therapy)

    for role, browser in browsers.items():
        for address in (
            reverse("home"),
            reverse("therapies"),
            reverse("record_proof", args=[record]),
            reverse("record_envelope", args=[record]),
            reverse("step", args=[therapy.therapy, "review"]),
        ):
            assert browser.get(address).status_code < 500, (role, address)


def test_what_nobody_signed_is_not_shown(therapy):
    payload_edited(therapy)

    page = pages(therapy, readers(therapy))["therapy for qa"]

    assert "A record that was changed after it was signed" in page
    assert "What it says now is not shown, as nobody signed it." in page


def test_an_exception_of_a_tampered_therapy_says_so_before_anyone_decides():
    deviated = told(
        small_consortium(),
        Story("deviated", stop_before="review", outside=frozenset({"wash-and-select"}), resolve=False),
    )
    found = CustodyException.objects.filter(therapy=deviated.therapy).first()
    payload_edited(deviated)

    page = signed_in(deviated.actor("maker", "qa")).get(reverse("exception", args=[found.pk])).content.decode()

    assert f"This therapy {SAYS}" in page
