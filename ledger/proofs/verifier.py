"""Groth16 over BN254: check a proof (Groth, "On the Size of Pairing-based Non-interactive Arguments", 2016).

`verify_proof` is the reference, in pure Python on py_ecc (about half a second). `verify_quickly` gives the same
answer through groth16py (about two milliseconds). Both first check the encodings: 256 bytes, each coordinate
below q, points on their curves, B in the subgroup, no point at infinity, public inputs below r. So no proof has a
second spelling, though Groth16 proofs can be re-randomised: tell proofs apart by `statement_id`, never by bytes.

A proof is accepted only when three things hold, and the last two are the caller's: the pairing check passes here,
every public input equals what the ledger says (`statement.public_inputs`), and the key is the registered one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

_RECURSION_LIMIT = sys.getrecursionlimit()

from py_ecc import optimized_bn128 as bn  # noqa: E402

from ledger.proofs.field import FIELD  # noqa: E402
from ledger.proofs.verification_key import COORDINATE_MODULUS, G1, G2, VerificationKey  # noqa: E402

# py_ecc lifts Python's recursion limit to 100,000 when it is imported. With that, deeply nested JSON from anybody
# overflows the C stack and ends the process; with Python's own limit it is a RecursionError. No pairing needs more.
sys.setrecursionlimit(_RECURSION_LIMIT)

if TYPE_CHECKING:
    import groth16py

PROOF_BYTES = 256


class VerificationError(Exception):
    """The proof does not hold, or is not a proof; the text says why."""


@dataclass(frozen=True, slots=True)
class ProofPoints:
    """A, B and C with canonical coordinates, each on its curve."""

    a: G1
    b: G2
    c: G1


@dataclass(frozen=True, slots=True)
class VerifiedProof:
    """What was verified: these public inputs, under the key with this digest."""

    public_inputs: tuple[int, ...]
    verification_key: str
    statement_id: str


def verify_proof(key: VerificationKey, public_inputs: Sequence[int], proof: bytes) -> VerifiedProof:
    """Check the pairing equation e(A, B) = e(α, β)·e(Σ xᵢ·ICᵢ, γ)·e(C, δ).

    Raises VerificationError.
    """
    inputs = _check_inputs(key, public_inputs)
    points = decode_proof(proof)
    alpha, beta, gamma, delta, ic = _key_points(key)
    b = _twist_point(points.b)
    if not bn.is_inf(bn.multiply(b, bn.curve_order)):
        raise VerificationError("point B of the proof is not in the subgroup")
    total = ic[0]
    for value, point in zip(inputs, ic[1:], strict=True):
        total = bn.add(total, bn.multiply(point, value))
    product = bn.FQ12.one()
    pairs = ((b, bn.neg(_point(points.a))), (beta, alpha), (gamma, total), (delta, _point(points.c)))
    for second, first in pairs:
        product *= bn.pairing(second, first, final_exponentiate=False)
    if bn.final_exponentiate(product) != bn.FQ12.one():
        raise VerificationError("the proof does not hold for these public inputs under this key")
    return _verified(key, inputs)


def verify_quickly(key: VerificationKey, public_inputs: Sequence[int], proof: bytes) -> VerifiedProof:
    """The same check through groth16py. Raises VerificationError."""
    inputs = _check_inputs(key, public_inputs)
    decode_proof(proof)
    verifier = _native_verifier(key)
    try:
        holds = verifier.verify(proof, list(inputs))
    except Exception as problem:
        raise VerificationError(f"the proof cannot be read: {problem}") from None
    if holds is not True:
        raise VerificationError("the proof does not hold for these public inputs under this key")
    return _verified(key, inputs)


def statement_id(key: VerificationKey, public_inputs: Sequence[int]) -> str:
    """The identity of what a proof proves (hex): the same for every re-randomised proof of one statement."""
    return statement_of(key.digest, _check_inputs(key, public_inputs))


def statement_of(key_digest: str, public_inputs: Sequence[int]) -> str:
    """`statement_id` where only the key's digest is at hand; the contract on an EVM chain computes the same."""
    words = b"".join(value.to_bytes(32, "big") for value in public_inputs)
    return hashlib.sha256(b"needlepoint/proof/v1\n" + bytes.fromhex(key_digest) + words).hexdigest()


def decode_proof(proof: bytes) -> ProofPoints:
    """Read the Ethereum layout (EIP-197): A.x A.y B.x1 B.x0 B.y1 B.y0 C.x C.y, each 32 bytes big-endian.

    Raises VerificationError for another length, a coordinate not below q, or a point not on its curve. The point
    at infinity, written (0, 0), is on no curve and so is refused.
    """
    if not isinstance(proof, bytes) or len(proof) != PROOF_BYTES:
        raise VerificationError(f"a proof has {PROOF_BYTES} bytes")
    words = [int.from_bytes(proof[i : i + 32], "big") for i in range(0, PROOF_BYTES, 32)]
    if any(word >= COORDINATE_MODULUS for word in words):
        raise VerificationError("a coordinate of the proof is not below the modulus")
    ax, ay, bx1, bx0, by1, by0, cx, cy = words
    points = ProofPoints((ax, ay), ((bx0, bx1), (by0, by1)), (cx, cy))
    _point(points.a)
    _twist_point(points.b)
    _point(points.c)
    return points


def _check_inputs(key: VerificationKey, public_inputs: Sequence[int]) -> tuple[int, ...]:
    if len(public_inputs) != key.public_inputs:
        raise VerificationError(f"{len(public_inputs)} public inputs, {key.public_inputs} belong to this key")
    if not all(type(value) is int and 0 <= value < FIELD for value in public_inputs):
        raise VerificationError("a public input is not a field element: a whole number from 0 to r - 1 is needed")
    return tuple(public_inputs)


def _verified(key: VerificationKey, inputs: tuple[int, ...]) -> VerifiedProof:
    return VerifiedProof(inputs, key.digest, statement_id(key, inputs))


def _point(point: G1) -> Any:
    lifted = (bn.FQ(point[0]), bn.FQ(point[1]), bn.FQ.one())
    if not bn.is_on_curve(lifted, bn.b):
        raise VerificationError("a point does not lie on BN254's first group")
    return lifted


def _twist_point(point: G2) -> Any:
    lifted = (bn.FQ2(point[0]), bn.FQ2(point[1]), bn.FQ2.one())
    if not bn.is_on_curve(lifted, bn.b2):
        raise VerificationError("a point does not lie on BN254's twist")
    return lifted


@lru_cache(maxsize=16)
def _key_points(key: VerificationKey) -> tuple[Any, Any, Any, Any, tuple[Any, ...]]:
    beta, gamma, delta = (_twist_point(point) for point in (key.beta, key.gamma, key.delta))
    if not all(bn.is_inf(bn.multiply(point, bn.curve_order)) for point in (beta, gamma, delta)):
        raise VerificationError("a point of the verification key is not in the subgroup")
    return _point(key.alpha), beta, gamma, delta, tuple(_point(point) for point in key.ic)


@lru_cache(maxsize=16)
def _native_verifier(key: VerificationKey) -> groth16py.Verifier:
    import json

    import groth16py

    _key_points(key)
    return groth16py.Verifier(groth16py.VerifyingKey.from_snarkjs(json.dumps(key.to_snarkjs())))
