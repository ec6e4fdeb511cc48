"""Documents are published once a version, and every protocol that ships can be."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

import pytest

from custody.protocols import queries
from custody.protocols.document import ProtocolInvalid
from custody.protocols.operations import publish_protocol
from ledger.errors import NotPermitted
from ledger.log import documents
from ledger.log.contract import Refused
from ledger.log.models import Document, Record
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties.actor import Actor, service_actor
from ledger.parties.operations import enrol_party, founding_actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(at: datetime) -> Actor:
    DatabaseWorld.forget()
    actor = founding_actor()
    enrol_party(
        code="OPERATOR", name="Operator", kind="operator", country="DE", city="Bonn", time_zone="Europe/Berlin",
        by=actor, at=at, key="enrol-operator",
    )  # fmt: skip
    return actor


def publish(operator: Actor, at: datetime, document: dict[str, Any], key: str = "publish-1") -> Record:
    return publish_protocol(document=document, by=operator, at=at, key=key)


def test_every_shipped_protocol_is_published_and_read_back(operator: Actor, at: datetime) -> None:
    for place, document in enumerate(queries.shipped()):
        publish(operator, at, document, key=f"publish-{place}")
    assert {protocol.code for protocol in queries.protocols()} == {"bcma-frozen", "cd19-fresh", "hsc-edited"}
    for protocol in queries.protocols():
        assert queries.protocol(protocol.digest) == protocol
    assert [str(finding) for finding in findings()] == []


def test_the_same_content_again_gives_the_record_that_is_there(operator: Actor, at: datetime) -> None:
    document = queries.shipped()[0]
    assert publish(operator, at, document).pk == publish(operator, at, document, key="publish-2").pk
    assert Document.objects.count() == 1


def test_a_version_is_never_published_with_another_content(operator: Actor, at: datetime) -> None:
    document = queries.shipped()[0]
    publish(operator, at, document)
    with pytest.raises(documents.VersionTaken, match="another content"):
        publish(operator, at, document | {"title": "Something else"}, key="publish-2")


def test_the_newest_version_is_offered_and_the_old_one_stays(operator: Actor, at: datetime) -> None:
    document = queries.shipped()[0]
    publish(operator, at, document)
    publish(operator, at, document | {"version": "1.10"}, key="publish-2")
    publish(operator, at, document | {"version": "1.9"}, key="publish-3")
    assert [protocol.version for protocol in queries.protocols()] == ["1.10"]
    assert queries.protocol(documents.digest_of(document)).version == document["version"]


def test_a_protocol_that_does_not_hold_together_never_reaches_the_ledger(operator: Actor, at: datetime) -> None:
    document = copy.deepcopy(queries.shipped()[0])
    document["steps"][3]["after"] = ["no-such-step"]
    with pytest.raises(ProtocolInvalid, match="no-such-step"):
        publish(operator, at, document)
    with pytest.raises(ProtocolInvalid):
        documents.publish_document(
            kind="protocol",
            code=document["code"],
            version=document["version"],
            document=document,
            by=operator,
            at=at,
            key="publish-2",
        )
    assert Document.objects.count() == 0


def test_only_the_operator_publishes(operator: Actor, at: datetime) -> None:
    member = enrol_party(
        code="PAY-1", name="Payer", kind="payer", country="DE", city="Bonn", time_zone="Europe/Berlin",
        by=operator, at=at, key="enrol-payer",
    ).chain.subject  # fmt: skip
    payer = service_actor(
        party=member, party_code="PAY-1", party_kind="payer", service="x", permissions=frozenset({"document.publish"})
    )
    with pytest.raises(Refused, match="operator"):
        publish(payer, at, queries.shipped()[0])
    with pytest.raises(NotPermitted):
        publish(service_actor(
            party=member, party_code="PAY-1", party_kind="payer", service="x", permissions=frozenset()
        ), at, queries.shipped()[0])  # fmt: skip


def test_a_document_that_does_not_fit_a_record_is_refused_with_its_size(operator: Actor, at: datetime) -> None:
    with pytest.raises(documents.DocumentTooLong, match="60,0"):
        documents.publish_document(
            kind="note",
            code="long",
            version="1.0",
            document={"text": "x" * 60_000},
            by=operator,
            at=at,
            key="publish-1",
        )
