"""A proof saved with the records that it speaks of: one JSON file that anyone checks without this application.

`{"format": "needlepoint.saved-proof/v1", "circuit", "key", "records", "inputs", "proof"}`: `key` is the verification
key in snarkjs' form, `records` what the ledger says (`therapy`, `spec` as SegmentSpec.to_json, `stepLeaves` with null
for an optional step left out, `testLeaves`, `readingsRoot`, `devices` in the order of their registration), `inputs` the
public inputs as the proof's record claims them, `proof` 256 bytes in hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ledger.proofs.babyjubjub import InvalidPoint, PublicKey
from ledger.proofs.field import parse_element
from ledger.proofs.poseidon import STATEMENT_VERSION
from ledger.proofs.registry import registry_root
from ledger.proofs.specification import SegmentSpec
from ledger.proofs.statement import PublicInputs, public_inputs
from ledger.proofs.verification_key import MalformedKey, VerificationKey
from ledger.proofs.verifier import VerificationError, VerifiedProof, verify_proof

FORMAT = "needlepoint.saved-proof/v1"
_CIRCUIT = re.compile(rf"segment-[1-9][0-9]{{0,5}}/v{STATEMENT_VERSION}")
Verify = Callable[[VerificationKey, Sequence[int], bytes], VerifiedProof]


class NotASavedProof(ValueError):
    """The file is not one, or is for another version of the statement."""


def judge(document: Any, *, verify: Verify = verify_proof) -> VerifiedProof:
    """Recompute every public input from the records, compare it with the claimed one, check the pairing equation.

    Raises NotASavedProof, or VerificationError with the first thing that does not hold. That the key is the registered
    one is the caller's to check: compare `verification_key` of the answer.
    """
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise NotASavedProof(f"this is not a file of the format {FORMAT}")
    if not isinstance(document.get("circuit"), str) or not _CIRCUIT.fullmatch(document["circuit"]):
        raise NotASavedProof(f"the proof is not for version {STATEMENT_VERSION} of the statement")
    try:
        expected = inputs_of(document["records"])
        claimed = [parse_element(text) for text in document["inputs"]]
        key = VerificationKey.from_snarkjs(document["key"])
        proof = document["proof"]
        if not isinstance(proof, str) or not re.fullmatch(r"[0-9a-f]*", proof):
            raise NotASavedProof("a proof is written in lower-case hexadecimal")
        points = bytes.fromhex(proof)
    except NotASavedProof:
        raise
    except MalformedKey as problem:
        raise VerificationError(str(problem)) from problem
    except (KeyError, TypeError, ValueError, AttributeError, InvalidPoint) as problem:
        raise NotASavedProof(f"the file cannot be read: {problem}") from problem
    wrong = [name for name, a, b in zip(PublicInputs._fields, claimed, expected, strict=False) if a != b]
    if wrong or len(claimed) != len(expected):
        raise VerificationError(f"the proof speaks of other facts than the records: {', '.join(wrong) or 'too few'}")
    return verify(key, expected, points)


def inputs_of(records: Mapping[str, Any]) -> PublicInputs:
    """The public inputs that the records lead to. Raises KeyError, TypeError or ValueError."""
    spec, root = SegmentSpec.from_json(records["spec"]), records["readingsRoot"]
    devices = [PublicKey(*map(parse_element, one)) if one is not None else None for one in records["devices"]]
    return public_inputs(
        spec,
        therapy=UUID(records["therapy"]),
        step_leaves=[None if leaf is None else parse_element(leaf) for leaf in records["stepLeaves"]],
        test_leaves=[parse_element(leaf) for leaf in records["testLeaves"]],
        readings_root=parse_element(root) if root is not None else None,
        device_registry=registry_root(devices) if root is not None else None,
    )
