"""Writes tests/assets/proofs/segments.json: `.venv/bin/python -m tests.unit.ledger.proofs.make_fixture CACHE`.

Run again when the circuit or the statement changes. Holds what a verifier sees (the verification key, records,
public inputs, proofs) and nothing private; the proving key stays in the cache.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ledger.proofs.circuit import SMALL
from ledger.proofs.field import format_element
from ledger.proofs.prover import Proof, Prover
from ledger.proofs.registry import registry_root
from ledger.proofs.specification import SegmentSpec
from ledger.proofs.statement import SegmentWitness, placed, public_inputs_of, step_leaf, test_leaf
from tests.unit.ledger.proofs.proof_samples import COLLECTION, REGISTRY, TRANSIT, collection, transit

FIXTURE = Path(__file__).parents[3] / "assets" / "proofs" / "segments.json"


def records(spec: SegmentSpec, witness: SegmentWitness) -> dict[str, Any]:
    """What the ledger's records say of a segment."""
    public = public_inputs_of(spec, witness)
    has_log = spec.readings is not None
    return {
        "therapy": str(witness.therapy),
        "spec": spec.to_json(),
        "stepLeaves": [
            format_element(step_leaf(witness.therapy, step)) if step else None for step in placed(spec, witness)
        ],
        "testLeaves": [format_element(test_leaf(witness.therapy, test)) for test in witness.tests],
        "readingsRoot": format_element(public.readings_root) if has_log else None,
        "deviceRegistry": format_element(registry_root(REGISTRY)) if has_log else None,
    }


def main() -> None:
    with Prover(Path(sys.argv[1]), SMALL) as prover:
        segments = []
        proof: Proof | None = None
        for name, spec, witness, count in (
            ("transit", TRANSIT, transit(), 2),
            ("collection", COLLECTION, collection(), 1),
        ):
            proofs = [prover.prove(spec, witness) for _ in range(count)]
            proof = proofs[0]
            segments.append(
                {
                    "name": name,
                    "records": records(spec, witness),
                    "publicInputs": proof.public_inputs.to_json(),
                    "statement": proof.statement,
                    "proofs": [one.proof.hex() for one in proofs],
                }
            )
        assert proof is not None
    document = {
        "circuit": SMALL.name,
        "verificationKey": proof.verification_key.to_snarkjs(),
        "verificationKeyDigest": proof.verification_key.digest,
        "devices": [[format_element(key.x), format_element(key.y)] if key else None for key in REGISTRY],
        "segments": segments,
    }
    FIXTURE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
