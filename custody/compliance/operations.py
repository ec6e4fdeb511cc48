"""Publishing the verdict on a segment: a proof that was verified against the ledger, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from custody.compliance.ledger_inputs import ledger_inputs
from custody.compliance.readings import device_registry_root
from custody.contract.proofs import INPUTS
from custody.exceptions.opening import open_exception
from custody.protocols.document import Protocol, Segment
from custody.therapies.steps import lock_therapy
from ledger.errors import Conflict, NotFound
from ledger.log.models import Record
from ledger.log.operations import append, operation
from ledger.parties.actor import Actor
from ledger.proofs.prover import Proof
from ledger.proofs.verifier import verify_quickly

MAX_REASONS = 12


class SegmentUnknown(NotFound):
    """The protocol has no such proof segment."""


class ProofSpeaksOfOtherFacts(Conflict):
    """The proof's public inputs are not what the ledger says."""


@operation
def publish_proof(
    *, therapy: UUID, segment: str, proof: Proof, registry_size: int, by: Actor, at: datetime, key: str
) -> Record:
    """Record a segment's proof, after checking that it verifies and says what the ledger says (DESIGN §8)."""
    chain, protocol = lock_therapy(therapy)
    by.check("proof.publish")
    known = segment_named(protocol, segment)
    expected = ledger_inputs(
        state=chain.state,
        therapy=therapy,
        protocol=protocol,
        segment=known,
        device_registry=device_registry_root(registry_size),
        circuit=proof.circuit,
    )
    if expected != proof.public_inputs:
        raise ProofSpeaksOfOtherFacts("The proof speaks of other facts than the ledger's; it was not published.")
    verify_quickly(proof.verification_key, proof.public_inputs, proof.proof)
    return append(
        chain=chain,
        by=by,
        type="custody.proof.published/v1",
        body={
            "segment": segment,
            "circuit": proof.circuit,
            "key": proof.verification_key.digest,
            "inputs": dict(zip(INPUTS, proof.public_inputs.to_json(), strict=True)),
            "proof": proof.proof.hex(),
            "statement": proof.statement,
            "registry_size": registry_size,
        },
        meaning="proof published",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def refuse_proof(*, therapy: UUID, segment: str, reasons: Sequence[str], by: Actor, at: datetime, key: str) -> Record:
    """Record why a segment cannot be proven, and open the exception that regulator and QA see."""
    chain, protocol = lock_therapy(therapy)
    by.check("proof.publish")
    known = segment_named(protocol, segment)
    record = append(
        chain=chain,
        by=by,
        type="custody.proof.refused/v1",
        body={"segment": segment, "reasons": [reason[:240] for reason in reasons[:MAX_REASONS]]},
        meaning="segment not proven",
        occurred_at=at,
        at=at,
        key=key,
    )
    open_exception(
        chain=chain,
        kind="not_proven",
        finding=f"{known.title}: {reasons[0]}"[:240],
        leg=known.leg or "",
        occurred_at=at,
        by=by,
        at=at,
        key=f"{key}:exception",
    )
    return record


def segment_named(protocol: Protocol, code: str) -> Segment:
    found = next((segment for segment in protocol.segments if segment.code == code), None)
    if found is None:
        raise SegmentUnknown(f"This therapy's protocol has no proof segment “{code}”.")
    return found
