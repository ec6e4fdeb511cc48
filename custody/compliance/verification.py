"""Checking a published proof against the ledger, as any member would: with the reference verifier."""

from __future__ import annotations

from custody.compliance.keys import proof_key
from custody.compliance.ledger_inputs import ledger_inputs
from custody.compliance.models import ComplianceProof
from custody.compliance.operations import ProofSpeaksOfOtherFacts, segment_named
from custody.compliance.readings import device_registry_root
from custody.contract.proofs import INPUTS
from custody.therapies.steps import protocol_of
from ledger.log.models import Chain
from ledger.proofs.statement import PublicInputs
from ledger.proofs.verifier import VerifiedProof, verify_proof


def verify_published(proof: ComplianceProof) -> VerifiedProof:
    """Verify a proof: pairing check, inputs equal to the ledger's, key published for its circuit (DESIGN §8).

    Raises VerificationError, ProofSpeaksOfOtherFacts, ProofKeyUnknown, KeyOfAnotherCircuit, VersionUnknown.
    """
    expected = expected_inputs(proof)
    claimed = tuple(int(proof.inputs[name]) for name in INPUTS)
    if claimed != tuple(expected):
        raise ProofSpeaksOfOtherFacts("The proof speaks of other facts than the ledger's.")
    key, _ = proof_key(proof.key, circuit=proof.circuit)
    return verify_proof(key, expected, bytes.fromhex(proof.proof))


def expected_inputs(proof: ComplianceProof) -> PublicInputs:
    """What the ledger says of the proof's segment."""
    chain = Chain.objects.get(kind="therapy", subject=proof.therapy_id)
    protocol = protocol_of(chain)
    return ledger_inputs(
        state=chain.state,
        therapy=proof.therapy_id,
        protocol=protocol,
        segment=segment_named(protocol, proof.segment),
        device_registry=device_registry_root(proof.registry_size),
        circuit=proof.circuit,
    )
