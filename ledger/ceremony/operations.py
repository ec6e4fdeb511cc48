"""Recording a key ceremony: every act signed by the organisation that did it, each transcript hash on the ledger.

The files and their verification are `ledger.proofs.ceremony`'s; whoever calls these has verified the file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from ledger.ceremony import rules
from ledger.log.documents import publish_document
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.parties.actor import Actor
from ledger.proofs.ceremony import Contribution, Transcript
from ledger.proofs.verification_key import VerificationKey

RUN, CONTRIBUTE = "ceremony.run", "ceremony.contribute"
KEY_KIND = "proof_key"


@operation
def record_begun(
    *,
    circuit: str,
    circuit_digest: str,
    constraints: str,
    phase1: str,
    start: Transcript,
    file: str,
    beacon_source: str,
    by: Actor,
    at: datetime,
    key: str,
) -> Record:
    """Say what a ceremony begins with: SHA-256 (hex) of the circuit's sources, its constraints, the first phase and the
    file that members contribute to; and which public beacon, unknown yet, will end it. Raises NotPermitted, Refused."""
    body = {
        "circuit": circuit,
        "circuit_digest": circuit_digest,
        "constraints": constraints,
        "phase1": phase1,
        "start": start.start,
        "file": file,
        "beacon_source": beacon_source,
    }
    return _record(rules.BEGUN, body, RUN, "ceremony begun", by=by, at=at, key=key)


@operation
def record_contribution(
    *, circuit: str, before: list[str], start: str, made: Contribution, file: str, by: Actor, at: datetime, key: str
) -> Record:
    """Accept a contribution, signed by the organisation that made it. `before`: hashes of the accepted ones, in order.

    Raises NotPermitted, Refused.
    """
    body = {
        "circuit": circuit,
        "number": len(before) + 1,
        "before": before[-1] if before else start,
        "contribution": made.hash,
        "file": file,
    }
    return _record(rules.CONTRIBUTED, body, CONTRIBUTE, "contributed to a proof key", by=by, at=at, key=key)


@operation
def record_seal(
    *, circuit: str, before: str, made: Contribution, file: str, by: Actor, at: datetime, key: str
) -> Record:
    """Say which beacon ended the contributions. Raises NotPermitted, Refused."""
    body = {
        "circuit": circuit,
        "before": before,
        "contribution": made.hash,
        "file": file,
        "beacon": made.beacon,
        "exponent": made.exponent,
    }
    return _record(rules.SEALED, body, RUN, "ceremony sealed by a beacon", by=by, at=at, key=key)


def finish(
    *, circuit: str, run: int, verifying: VerificationKey, file: str, by: Actor, at: datetime, key: str
) -> Record:
    """Put the verification key on the ledger, and say that the ceremony ended with it; both or neither.

    Raises NotPermitted, VersionTaken, Refused.
    """
    code, _, version = circuit.partition("/v")
    with transaction.atomic():
        publish_document(
            kind=KEY_KIND,
            code=code,
            version=f"{version}.{run - 1}",
            document=verifying.to_snarkjs(),
            by=by,
            at=at,
            key=f"proof-key-{verifying.digest[:32]}",
        )
        return record_finished(circuit=circuit, verifying=verifying, file=file, by=by, at=at, key=key)


@operation
def record_finished(
    *, circuit: str, verifying: VerificationKey, file: str, by: Actor, at: datetime, key: str
) -> Record:
    """The end of a ceremony whose key is on the ledger. Raises NotPermitted, Refused."""
    body = {"circuit": circuit, "key": verifying.digest, "file": file}
    return _record(rules.FINISHED, body, RUN, "ceremony finished", by=by, at=at, key=key)


def _record(
    type: str, body: dict[str, Any], permission: str, meaning: str, *, by: Actor, at: datetime, key: str
) -> Record:
    by.check(permission)
    chain = open_chain(kind=rules.KIND, subject=rules.subject())
    return append(chain=chain, by=by, type=type, body=body, meaning=meaning, occurred_at=at, at=at, key=key)
