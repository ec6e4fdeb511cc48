"""Compliance proofs onto a chain by the anchoring turn: sent once, proven when final, through reorganisations; and a
payer's milestone that such a proof releases."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.urls import reverse

from custody.compliance.keys import UNSAFE_KIND
from custody.compliance.ledger_inputs import ledger_inputs
from custody.compliance.models import ComplianceProof
from custody.compliance.operations import publish_proof
from custody.compliance.readings import device_registry_root
from custody.compliance.tasks import operator_prover
from custody.contract.proofs import INPUTS
from custody.protocols.operations import publish_protocol
from custody.reimbursement import queries
from custody.therapies.steps import protocol_of
from ledger.anchors.following import PATIENCE
from ledger.anchors.models import ProofSending, ProvenOnChain
from ledger.anchors.operations import take_turn
from ledger.divergence.models import Divergence
from ledger.log import sequencer
from ledger.log.documents import publish_document
from ledger.parties.keystore import keystore
from ledger.proofs.circuit import STANDARD
from ledger.proofs.prover import Proof
from ledger.proofs.verifier import statement_id
from portal.demonstration.story import Story
from tests.factories.evm import CHAIN_ID, Member
from tests.factories.people import actor, organisation
from tests.factories.screens import signed_in
from tests.factories.therapies import ORDERED_AT, Told, small_consortium, told
from tests.factories.toy_key import ToyKey

pytestmark = [pytest.mark.django_db, pytest.mark.evm, pytest.mark.enable_socket]
CD19 = Path(django_settings.BASE_DIR) / "protocols" / "cd19-fresh.json"
SEGMENT = "order-to-collection"


@pytest.fixture(scope="module")
def toy() -> ToyKey:
    """A key whose trapdoor is known, so that a proof takes no prover; as valid as any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.factories.toy_key.POOL", 2)
        return ToyKey()


def published(one: Told, toy: ToyKey) -> ComplianceProof:
    """The proof of a therapy's first segment, published by the operation that publishes every proof."""
    chain, protocol, by = one.chain, protocol_of(one.chain), operator_prover()
    segment = next(known for known in protocol.segments if known.code == SEGMENT)
    inputs = ledger_inputs(
        state=chain.state,
        therapy=one.therapy,
        protocol=protocol,
        segment=segment,
        device_registry=device_registry_root(0),
        circuit=STANDARD.name,
    )
    key = toy.verification_key
    code, _, version = STANDARD.name.partition("/v")
    publish_document(
        kind=UNSAFE_KIND,
        code=code,
        version=f"{version}.0",
        document=key.to_snarkjs(),
        by=by,
        at=one.now,
        key="proof-key-of-the-toy",
    )
    proof = Proof(STANDARD.name, key, inputs, toy.prove(inputs), statement_id(key, inputs), 0.0)
    publish_proof(
        therapy=one.therapy, segment=SEGMENT, proof=proof, registry_size=0, by=by, at=one.now, key="proof-by-the-toy"
    )
    return ComplianceProof.objects.get(therapy_id=one.therapy, segment=SEGMENT)


@pytest.fixture
def one() -> Told:
    return told(small_consortium(), Story("rest", stop_before="pack-outbound"))


@pytest.fixture
def proof(one: Told, toy: ToyKey) -> ComplianceProof:
    return published(one, toy)


@pytest.fixture
def keyed(members, toy):
    for voter in members[:2]:
        voter.vote_key(toy.verification_key, admit=True)
    return members


@pytest.fixture
def turn(chain, how, one):
    return lambda at=one.now, **more: take_turn(chain=chain, how=how, at=at, **more).proofs


def test_nothing_of_a_proof_is_sent_before_members_voted_for_its_key(proof, turn, members, toy):
    assert turn().sent == ()
    for voter in members[:2]:
        voter.vote_key(toy.verification_key, admit=True)

    assert turn().sent == (proof.record_id,)


def test_a_proof_is_proven_on_the_chain_once_its_block_is_final(proof, keyed, turn, node):
    assert turn().sent == (proof.record_id,)
    assert turn().proven == ()
    node.mine(3)

    assert turn().proven == (proof.record_id,)
    row = ProvenOnChain.objects.get()
    assert (row.record_id, row.transaction) == (proof.record_id, ProofSending.objects.get().transaction)
    assert turn().sent == ()
    assert turn().proven == ()


def test_another_members_publication_counts_and_is_not_repeated(proof, keyed, turn, node):
    inputs = [int(proof.inputs[name]) for name in INPUTS]
    keyed[1].publish(proof.key, bytes.fromhex(proof.proof), inputs)

    assert turn().sent == ()
    node.mine(3)
    turn()

    assert ProvenOnChain.objects.get().by == keyed[1].account
    assert not ProofSending.objects.exists()


def test_a_reorganisation_takes_a_proof_back_and_it_comes_again(proof, keyed, turn, node, one):
    before = node.ask("evm_snapshot")
    turn()
    assert node.ask("evm_revert", before)
    node.hold()
    turn()
    turn(one.now + PATIENCE)
    node.go_on()
    node.mine(4)

    turn(one.now + PATIENCE)

    assert ProvenOnChain.objects.get().record_id == proof.record_id


def test_a_proof_that_the_ledger_does_not_have_is_found_and_found_again(proof, keyed, turn, node, toy):
    invented = [int(proof.inputs[name]) for name in INPUTS]
    invented[3] += 1
    keyed[2].publish(proof.key, toy.prove(invented), invented)
    turn()
    node.mine(4)

    for _ in range(2):
        (event,) = turn().foreign
        assert (event.kind, event.by) == ("Complied", keyed[2].account)
    assert "the ledger has no such proof" in event.sentence
    assert not ProvenOnChain.objects.exists()


@pytest.fixture
def configured(node, settings, toy):
    """The settings of a portal whose account is the only member of a contract."""
    settings.CHAIN_RPC, settings.CHAIN_ID, settings.ANCHOR_CONFIRMATIONS = node.rpc, CHAIN_ID, 0
    keystore().create("anchor")
    chain = Member(node, secret=keystore().secret("anchor"))
    settings.ANCHOR_CONTRACT = chain.contract = chain.deploy([chain.account])
    return chain


def say(*arguments: str) -> str:
    out = StringIO()
    call_command("anchor", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_votes_for_a_key_publishes_and_tells_the_state(proof, configured):
    assert "UNSAFE, by one party alone, not in the contract" in say("--keys")
    assert "is in the contract" in say("--key", proof.key)
    sequencer.drain()
    assert "compliance proofs of 1 segments" in say()
    say()

    assert "Proofs verified on the chain and final: 1; under way: 0" in say("--state")
    steward = signed_in(actor("operator_steward", organisation("operator")))
    assert "Proofs verified there" in steward.get(reverse("ledger")).content.decode()


def test_production_votes_for_no_unsafe_key(proof, configured, settings):
    settings.DEMONSTRATION = False

    with pytest.raises(CommandError, match="keys of a ceremony only"):
        say("--key", proof.key)


def test_the_command_reports_what_the_ledger_does_not_have(proof, configured, toy):
    say("--key", proof.key)
    invented = [int(proof.inputs[name]) for name in INPUTS]
    invented[3] += 1
    configured.publish(proof.key, toy.prove(invented), invented)
    sequencer.drain()

    with pytest.raises(CommandError, match="The chain contradicts this ledger"):
        say()
    assert Divergence.objects.get().kind == "anchor_mismatch"


def test_a_milestone_that_names_a_proof_is_reached_by_it_with_the_chains_transaction(configured, toy):
    cast = small_consortium()
    document = json.loads(CD19.read_text())
    document["version"] = "1.9"
    document["milestones"][0] = {**document["milestones"][0], "proof": SEGMENT}
    publish_protocol(document=document, by=operator_prover(), at=ORDERED_AT, key="publish-with-a-proof")
    one = told(cast, Story("rest by proof", stop_before="pack-outbound"))
    by = one.actor("payer", "payer_analyst")
    assert queries.milestones_of(therapy=one.therapy, by=by)[0].reached_at is None
    owed = [account.reached_minor for account in queries.accounts(by=by)]

    proof = published(one, toy)
    say("--key", proof.key)
    sequencer.drain()
    say()
    say()

    line = queries.milestones_of(therapy=one.therapy, by=by)[0]
    assert (line.proof, line.reached_at, line.standing.record) == (
        "Order to collection",
        proof.published_at,
        proof.record_id,
    )
    assert line.on_chain.transaction == ProvenOnChain.objects.get().transaction
    assert [account.reached_minor for account in queries.accounts(by=by)] == [owed[0] + line.amount_minor]
    page = " ".join(signed_in(by).get("/").content.decode().split())
    assert "Compliance proof: Order to collection" in page
    assert line.on_chain.transaction in page
    assert timedelta(0) < one.now - line.reached_at
