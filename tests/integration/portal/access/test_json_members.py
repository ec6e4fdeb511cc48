"""Every member of every JSON answer, by role: what is not named here may not leave the portal.

Signed records inside an answer are opened, and their members count as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import get_resolver, reverse

from custody.compliance.models import ComplianceProof
from custody.disclosures import operations as disclosures
from custody.therapies import disclosure
from ledger.clock import now
from ledger.log import sequencer
from ledger.log.models import Record
from ledger.parties.actor import Actor
from portal.access import rule_of
from portal.accounts.actors import actor_for
from portal.accounts.models import Membership
from portal.accounts.roles import ROLES
from portal.actions.base import fresh_key
from portal.demonstration.story import Story
from tests.factories.month import prove
from tests.factories.screens import signed_in
from tests.factories.therapies import Told, small_consortium, told

pytestmark = pytest.mark.django_db
HEAD = {"format", "size", "note", "vkey"}
PLACED = {"records", "id", "index", "path", "envelope", "log", "logs"}
ENTRY = {
    *("chain", "chain_kind", "content_type", "key", "log", "occurred_at", "party", "prev", "recorded_at", "second"),
    *("seq", "signer", "subject", "type", "v", "version", "body"),
}
ADDRESSES = {
    "proofs_index": {"size", "note", "vkey", "policy", "shared", "packs", "therapy", "name", "proofs", "url"},
    "proofs_shared": HEAD | PLACED,
    "proofs_evidence": HEAD | PLACED | {"therapy", "stated"},
    "api_proof": {
        *("id", "therapy", "segment", "circuit", "proof", "inputs", "registry_size", "published_at", "key", "record"),
        "verification",
    },
    "disclosure_evidence": HEAD | PLACED | {"disclosure", "therapy", "sources", "shared", "policy"},
}
"""The members at the top of each answer and of what is placed in it; others belong to signed records."""
CLINICAL = {
    "values",
    "sealed",
    "identity",
    "scans",
    "scanned",
    "facts",
    "finding",
    "cause",
    "why",
    "in_limits",
    "accepted",
}
"""Members of a therapy's records that no payer and no courier is sent, in whatever answer."""


@pytest.fixture(scope="module")
def proven(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    with django_db_blocker.unblock(), transaction.atomic():
        therapy = told(small_consortium(), Story("as planned"))
        prove(therapy)
        sequencer.drain()
        yield therapy
        transaction.set_rollback(True)


def _address(name: str, one: Told, disclosure_id: Any) -> str:
    if name in ("proofs_index", "proofs_shared"):
        return reverse(name)
    if name == "api_proof":
        return reverse(name, args=[ComplianceProof.objects.filter(therapy_id=one.therapy).latest("published_at").pk])
    return reverse(name, args=[disclosure_id if name == "disclosure_evidence" else one.therapy])


def _opened(answer: Any) -> Iterator[Any]:
    """The entries of the signed records in an answer."""
    if isinstance(answer, dict):
        if isinstance(answer.get("envelope"), str):
            payload = json.loads(base64.b64decode(answer["envelope"]))["payload"]
            yield json.loads(base64.b64decode(payload))
        for value in answer.values():
            yield from _opened(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _opened(value)


def _someone(one: Told, role: str) -> Actor:
    """Somebody in this role, of an organisation that takes part in the therapy where one has it."""
    held = Membership.objects.filter(role=role).select_related("user", "party")
    mine = held.filter(party_id__in=one.state["parties"].values()).first() or held.first()
    assert mine is not None
    return actor_for(mine.user, mine, "password")


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_is_sent_no_member_that_is_not_its_own(proven: Told, role: str) -> None:
    holder = proven.actor("centre", "data_protection_officer")
    asker = proven.actor("payer", "payer_analyst")
    at = now()
    asked = disclosures.ask(
        therapy=proven.therapy, holder=holder.party, fields=["step/order/indication"], purpose="payment",
        until=at + timedelta(days=3), by=asker, at=at, key=fresh_key(),
    ).chain.subject  # fmt: skip
    sequencer.drain()
    person = _someone(proven, role)
    client, answered = signed_in(person), 0
    for name, members in ADDRESSES.items():
        answer = client.get(_address(name, proven, asked))
        assert answer.status_code in (200, 403, 404), (name, answer.status_code)
        if answer.status_code != 200:
            assert "json" not in answer["Content-Type"] or set(answer.json()) <= {"type", "title", "status", "detail"}
            continue
        answered += 1
        content = answer.json()
        assert set(content) <= members, name
        for row in content.get("records", []):
            assert set(row) <= PLACED, name
        for entry in _opened(content):
            assert set(entry) <= ENTRY
            if not disclosure.sees_values(person) and entry["chain_kind"] == "therapy":
                assert not CLINICAL & set(entry["body"]), (name, entry["type"])
    assert answered >= (2 if "proof.verify" in ROLES[role].permissions else 0)
    for record in Record.objects.filter(chain__kind="therapy"):
        answer = client.get(reverse("record_envelope", args=[record.pk]))
        if not disclosure.sees_values(person):
            assert answer.status_code in (403, 404), (role, record.type)


def test_every_address_that_answers_json_stands_in_this_test() -> None:
    named = {pattern.name for pattern in _patterns(get_resolver()) if str(pattern.pattern).endswith(".json")}
    api = {pattern.name for pattern in _patterns(get_resolver()) if str(pattern.pattern).startswith("api/")}
    assert all(rule_of(name) for name in named | api)
    assert named | api == {*ADDRESSES, "record_envelope", "api_readings", "api_divergences"}


def _patterns(resolver: Any) -> Iterator[Any]:
    for one in resolver.url_patterns:
        yield from _patterns(one) if hasattr(one, "url_patterns") else [one]
