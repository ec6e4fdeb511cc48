"""Co-signing and serving members' own logs: each for itself, by the same witnesses and the same policy."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.urls import reverse

from ledger.clock import now
from ledger.cosigning import queries as cosigning
from ledger.cosigning.operations import OtherCheckpoint, enrol_witness, take_cosignatures
from ledger.crypto import cosignature, merkle, mldsa, notes, tlog_proof
from ledger.crypto.ed25519 import InMemorySigner
from ledger.log import evidence, health, member_logs, sequencer
from ledger.log.models import Checkpoint
from ledger.log.queries import chain_records, standings
from ledger.parties.actor import service_actor
from ledger.witness.keys import WitnessKeys
from tests.factories import plain
from tests.factories.member_logs import one_log_a_member
from tests.factories.people import organisation

pytestmark = pytest.mark.django_db
WITNESS = WitnessKeys("member.example/witness", InMemorySigner(b"\x31" * 32), mldsa.MldsaSigner(b"\x32" * 32))


@pytest.fixture
def records(db):
    """A chain to which two members have written, each in its own log."""
    with one_log_a_member():
        chain = plain.plain_chain()
        written = []
        for number in (1, 2):
            party = organisation("manufacturer", number)
            by = service_actor(
                party=party.id, party_code=party.code, party_kind=party.kind, service="test", permissions=frozenset()
            )
            written.append(
                plain.note(subject=chain.subject, body={"text": "noted"}, by=by, at=plain.AT, key=str(uuid4()))
            )
        sequencer.drain(at=now() - timedelta(seconds=5))
        yield written


@pytest.fixture
def witness(records):
    for vkey in WITNESS.vkeys:
        enrol_witness(party=records[0].party_id, vkey=vkey, at=now())


def cosigned(code):
    text = notes.parse_note(Checkpoint.objects.filter(log=code).latest("size").note).text
    return f"{text}\n{WITNESS.cosign(text, timestamp=int(now().timestamp()))}"


def test_a_cosignature_counts_for_the_log_that_it_names_and_no_other(records, witness):
    mine, other = records[0].log, records[1].log

    take_cosignatures(note=cosigned(mine), at=now())

    assert len(cosigning.cosignatures_of(1, mine)) == 2
    assert cosigning.cosignatures_of(1, other) == []


def test_each_log_is_published_when_its_own_quorum_is_there(records, witness, tmp_path, settings):
    policy = tmp_path / "policy"
    lines = [f"log {member_logs.verifier_key(code)}" for code in member_logs.every_log()]
    policy.write_text("\n".join([*lines, f"witness one {WITNESS.vkeys[0]}", "quorum one"]) + "\n")
    settings.WITNESS_POLICY = policy

    take_cosignatures(note=cosigned(records[0].log), at=now())

    assert cosigning.published(records[0].log).size == 1
    assert cosigning.published(records[1].log) is None
    assert not cosigning.watch(at=now(), log=records[0].log).stale
    assert cosigning.watch(at=now(), log=records[1].log).stale


def test_a_cosignature_of_a_log_that_is_none_of_ours_is_refused(records, witness):
    note = cosigned(records[0].log).replace(records[0].log, "nobody", 1)

    with pytest.raises(OtherCheckpoint):
        take_cosignatures(note=note, at=now())


def test_a_records_proof_is_of_its_own_log_and_carries_its_cosignatures(records, witness):
    take_cosignatures(note=cosigned(records[1].log), at=now())

    found = tlog_proof.verify(
        evidence.tlog_proof(records[1].id),
        leaf=merkle.leaf_hash(bytes(records[1].envelope)),
        origin=f"{settings.LOG_ORIGIN}/{records[1].log}",
        log=notes.parse_vkey(member_logs.verifier_key(records[1].log)),
        witnesses=[cosignature.verifier(WITNESS.vkeys[0])],
    )

    assert found.checkpoint.size == 1


def test_a_chains_records_are_verified_each_in_its_log(records):
    views = chain_records(kind=plain.KIND, subject=records[0].chain.subject)

    assert [(view.standing, view.leaf_index, view.log) for view in views] == [
        ("verified", 0, record.log) for record in records
    ]
    assert {one.standing for one in standings([record.id for record in records]).values()} == {"verified"}


def test_the_health_of_every_log_is_told(records):
    lines = health.logs()

    assert [line.code for line in lines] == ["", *sorted(record.log for record in records)]
    assert {(line.size, line.pending) for line in lines[1:]} == {(1, 0)}


@pytest.mark.parametrize(
    ("name", "more"),
    [("member_log_checkpoint", {}), ("member_log_pending", {}), ("member_log_tile", {"path": "0/000.p/1"})],
)
def test_a_members_log_is_served_as_other_tools_read_it(records, client, settings, name, more):
    settings.LOG_READERS = "public"

    answer = client.get(reverse(name, kwargs={"log": records[0].log, **more}))
    missing = client.get(reverse(name, kwargs={"log": "nobody", **more}))

    assert answer.status_code == 200
    assert answer.content == (
        bytes.fromhex(records[0].leaf_hash) if more else Checkpoint.objects.get(log=records[0].log).note.encode()
    )
    assert missing.status_code == 404


def test_cosignatures_are_handed_in_at_each_logs_address(records, witness, client):
    address = reverse("member_log_cosignatures", kwargs={"log": records[0].log})

    answer = client.post(address, cosigned(records[0].log), content_type="text/plain")

    assert (answer.status_code, answer.content) == (200, b"1\n")
