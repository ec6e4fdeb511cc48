"""Verification keys on the ledger: a proof holds only under a key that was published for its circuit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from custody.compliance.ledger_inputs import check_key_is_for
from ledger.ceremony.queries import finished_keys
from ledger.errors import Conflict, NotFound
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


class UnsafeKeyRefused(Conflict):
    """Production does not publish a proof under a key that one party alone made."""


def publish_key(*, proof: Proof, by: Actor, at: datetime) -> None:
    """Put a proof's verification key on the ledger when it is not there yet."""
    digest = proof.verification_key.digest
    if Document.objects.filter(digest=digest, kind__in=KEY_KINDS).exists():
        return
    if not settings.DEMONSTRATION:
        raise UnsafeKeyRefused(
            "One party alone made this proof's key, and could forge proofs under it. Production publishes proofs under "
            "keys of a ceremony only: see docs/how-to/ceremony.md."
        )
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


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A verification key as the ledger has it; `ceremony` is whether several members made it together."""

    key: VerificationKey
    circuit: str
    ceremony: bool


def published_key(digest: str) -> PublishedKey:
    """The verification key with this digest (hex), whatever its circuit. Raises ProofKeyUnknown."""
    row = Document.objects.filter(digest=digest, kind__in=KEY_KINDS).first()
    if row is None:
        raise ProofKeyUnknown(f"No verification key {digest[:16]}… is on the ledger. See manage.py anchor --keys.")
    return _published(row)


def published_keys() -> list[PublishedKey]:
    """Every verification key of the ledger, in the order of publication."""
    rows = Document.objects.filter(kind__in=KEY_KINDS).order_by("published_at", "digest")
    return [_published(row) for row in rows]


def _published(row: Document) -> PublishedKey:
    circuit = f"{row.code}/v{row.version.partition('.')[0]}"
    return PublishedKey(VerificationKey.from_snarkjs(row.content), circuit, is_of_ceremony(row))


def proof_key(digest: str, *, circuit: str) -> tuple[VerificationKey, bool]:
    """The verification key with this digest, published for this circuit, and whether a ceremony made it.

    Raises ProofKeyUnknown, KeyOfAnotherCircuit.
    """
    row = Document.objects.filter(digest=digest, kind__in=KEY_KINDS).first()
    if row is None:
        raise ProofKeyUnknown("The proof's verification key is not on the ledger.")
    check_key_is_for(circuit, code=row.code, version=row.version)
    return VerificationKey.from_snarkjs(row.content), is_of_ceremony(row)


def is_of_ceremony(row: Document) -> bool:
    """Whether a ceremony on the ledger ended with this key; its kind alone, the operator's choice, does not say so."""
    return row.kind == CEREMONY_KIND and row.digest in finished_keys()
