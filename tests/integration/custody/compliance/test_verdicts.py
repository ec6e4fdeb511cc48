"""A finished segment gets one verdict: a proof that verifies against the ledger, or the reasons why there is none."""

import pytest

from custody.compliance.models import ComplianceProof
from custody.compliance.operations import ProofSpeaksOfOtherFacts, publish_proof
from custody.compliance.readings import registry_size
from custody.compliance.tasks import operator_prover, prove_now, prover_of
from custody.compliance.verification import verify_published
from custody.compliance.witness import gather
from custody.exceptions.models import CustodyException
from custody.therapies.models import Therapy
from custody.therapies.steps import protocol_of
from ledger.log import sequencer
from ledger.log.contract import Refused
from ledger.log.verification import findings
from ledger.outbox.dispatcher import run_pending
from ledger.proofs.circuit import STANDARD
from ledger.proofs.verifier import VerificationError
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

pytestmark = [pytest.mark.django_db, pytest.mark.prover]


def test_calm_therapy_is_proven_segment_by_segment_through_the_outbox():
    one = told(small_consortium())

    run_pending(queue="proofs")

    proofs = ComplianceProof.objects.filter(therapy_id=one.therapy)
    assert {proof.verdict for proof in proofs} == {"proven"}
    assert len(proofs) == 5
    assert Therapy.objects.get(pk=one.therapy).proof_state == "proven"
    for proof in proofs:
        verify_published(proof)
    sequencer.drain()
    assert list(findings()) == []


def test_segment_that_broke_its_protocol_is_refused_with_the_figure_and_the_limit():
    one = told(small_consortium(), Story("warm", readings={"outbound": "excursion"}, stop_before="wash-and-select"))

    prove_now(therapy=one.therapy, segment="transit", at=one.now)
    prove_now(therapy=one.therapy, segment="transit", at=one.now)

    verdict = ComplianceProof.objects.get(therapy_id=one.therapy, segment="transit")
    assert verdict.verdict == "not_proven"
    assert any("8" in reason for reason in verdict.reasons)
    assert CustodyException.objects.filter(therapy_id=one.therapy, kind="not_proven").count() == 1


def test_altered_proof_or_inputs_do_not_verify():
    one = told(small_consortium(), Story("rest", stop_before="pack-outbound"))
    prove_now(therapy=one.therapy, segment="order-to-collection", at=one.now)
    proof = ComplianceProof.objects.get(therapy_id=one.therapy)

    flipped = f"{int(proof.proof[100], 16) ^ 1:x}"
    with pytest.raises(VerificationError):
        verify_published(_with(proof, proof=proof.proof[:100] + flipped + proof.proof[101:]))
    with pytest.raises(ProofSpeaksOfOtherFacts):
        verify_published(_with(proof, inputs=proof.inputs | {"stepsRoot": "1"}))


def test_proof_of_one_therapy_is_not_published_for_another():
    cast = small_consortium()
    one = told(cast, Story("rest", stop_before="pack-outbound"), number=1)
    other = told(cast, Story("rest", stop_before="pack-outbound"), number=2)
    protocol = protocol_of(one.chain)
    evidence = gather(chain=one.chain, protocol=protocol, segment=protocol.segments[0], registry_size=registry_size())
    proof = prover_of(STANDARD).prove(evidence.spec, evidence.witness)
    act = {"segment": "order-to-collection", "registry_size": registry_size(), "by": operator_prover(), "at": one.now}

    with pytest.raises(ProofSpeaksOfOtherFacts):
        publish_proof(therapy=other.therapy, proof=proof, key="proof-of-another", **act)
    publish_proof(therapy=one.therapy, proof=proof, key="proof-of-its-own", **act)
    with pytest.raises(Refused, match="already been judged"):
        publish_proof(therapy=one.therapy, proof=proof, key="the-second-time", **act)


def _with(original, **changes):
    copy = ComplianceProof.objects.get(pk=original.pk)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy
