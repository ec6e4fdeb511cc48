"""Verification keys on the ledger: a proof holds only under a key that was published for its circuit."""

from __future__ import annotations

from datetime import datetime

from ledger.errors import NotFound
from ledger.log.documents import publish_document
from ledger.log.models import Document
from ledger.parties.actor import Actor
from ledger.proofs.prover import Proof
from ledger.proofs.verification_key import VerificationKey

UNSAFE_KIND = "unsafe_proof_key"
"""Made by one party alone (development); whoever made it could forge proofs."""
CEREMONY_KIND = "proof_key"
KEY_KINDS = (UNSAFE_KIND, CEREMONY_KIND)


class ProofKeyUnknown(NotFound):
    """No verification key with this digest is on the ledger."""


def publish_key(*, proof: Proof, by: Actor, at: datetime) -> None:
    """Put a proof's verification key on the ledger when it is not there yet."""
    digest = proof.verification_key.digest
    if Document.objects.filter(digest=digest, kind__in=KEY_KINDS).exists():
        return
    code, _, circuit_version = proof.circuit.partition("/v")
    earlier = Document.objects.filter(kind__in=KEY_KINDS, code=code).count()
    publish_document(
        kind=UNSAFE_KIND,
        code=code,
        version=f"{circuit_version}.{earlier}",
        document=proof.verification_key.to_snarkjs(),
        by=by,
        at=at,
        key=f"proof-key-{digest[:32]}",
    )


def proof_key(digest: str) -> tuple[VerificationKey, bool]:
    """The verification key with this digest, and whether a ceremony made it. Raises ProofKeyUnknown."""
    row = Document.objects.filter(digest=digest, kind__in=KEY_KINDS).first()
    if row is None:
        raise ProofKeyUnknown("The proof's verification key is not on the ledger.")
    return VerificationKey.from_snarkjs(row.content), row.kind == CEREMONY_KIND
