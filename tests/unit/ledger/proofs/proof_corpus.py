"""Valid, mutated and replayed proofs, made from the committed fixture; every verifier must judge each the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from py_ecc import optimized_bn128 as bn

from ledger.proofs.field import FIELD
from ledger.proofs.verification_key import COORDINATE_MODULUS as Q
from tests.unit.ledger.proofs.make_fixture import FIXTURE

FIXTURE_DOCUMENT: dict[str, Any] = json.loads(FIXTURE.read_text())
KEY: dict[str, Any] = FIXTURE_DOCUMENT["verificationKey"]
TRANSIT, COLLECTION = FIXTURE_DOCUMENT["segments"]
PROOF = bytes.fromhex(TRANSIT["proofs"][0])
INPUTS: list[str] = TRANSIT["publicInputs"]


@dataclass(frozen=True)
class Case:
    """One question to a verifier: key, public inputs and proof as they would arrive, and the right answer."""

    name: str
    proof: bytes
    inputs: tuple[Any, ...] = tuple(INPUTS)
    key: Any = None
    holds: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "key": KEY if self.key is None else self.key,
            "inputs": list(self.inputs),
            "proof": self.proof.hex(),
        }


def words(proof: bytes) -> list[int]:
    return [int.from_bytes(proof[i : i + 32], "big") for i in range(0, 256, 32)]


def joined(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def cases() -> list[Case]:
    """The whole corpus."""
    return [*_valid(), *_mutated_proofs(), *_mutated_inputs(), *_mutated_keys()]


def _valid() -> Iterator[Case]:
    ax, ay, *b, cx, cy = words(PROOF)
    negated_b = [b[0], b[1], Q - b[2], Q - b[3]]
    yield Case("proof", PROOF, holds=True)
    yield Case("re-randomised proof", bytes.fromhex(TRANSIT["proofs"][1]), holds=True)
    yield Case("A and B negated: the same statement", joined([ax, Q - ay, *negated_b, cx, cy]), holds=True)
    yield Case(
        "segment without readings",
        bytes.fromhex(COLLECTION["proofs"][0]),
        tuple(COLLECTION["publicInputs"]),
        holds=True,
    )


def _mutated_proofs() -> Iterator[Case]:
    for place in range(0, 256, 8):
        flipped = bytearray(PROOF)
        flipped[place] ^= 1 << place % 7
        yield Case(f"bit flipped in byte {place}", bytes(flipped))
    for i in range(8):
        values = words(PROOF)
        yield Case(f"word {i} plus the modulus", joined([*values[:i], values[i] + Q, *values[i + 1 :]]))
        yield Case(f"word {i} set to zero", joined([*values[:i], 0, *values[i + 1 :]]))
    ax, ay, *b, cx, cy = words(PROOF)
    swapped_b = [b[1], b[0], b[3], b[2]]
    yield Case("A negated", joined([ax, Q - ay, *b, cx, cy]))
    yield Case("A and C exchanged", joined([cx, cy, *b, ax, ay]))
    yield Case("C replaced by A", joined([ax, ay, *b, ax, ay]))
    yield Case("halves of B exchanged", joined([ax, ay, *swapped_b, cx, cy]))
    yield Case("A at infinity", joined([0, 0, *b, cx, cy]))
    yield Case("B at infinity", joined([ax, ay, 0, 0, 0, 0, cx, cy]))
    yield Case("C at infinity", joined([ax, ay, *b, 0, 0]))
    yield Case("all at infinity", bytes(256))
    yield Case("all ones", b"\xff" * 256)
    yield Case("B outside the subgroup", joined([ax, ay, *_outside_the_subgroup(), cx, cy]))
    for length in (0, 1, 128, 255):
        yield Case(f"cut to {length} bytes", PROOF[:length])
    yield Case("a byte too long", PROOF + b"\0")
    yield Case("twice over", PROOF + PROOF)
    yield Case("proof of another segment", bytes.fromhex(COLLECTION["proofs"][0]))


def _mutated_inputs() -> Iterator[Case]:
    names = ("therapy", "specHash", "readingsRoot", "stepsRoot", "releaseRoot", "deviceRegistry")
    for i, name in enumerate(names):
        plus_one = str((int(INPUTS[i]) + 1) % FIELD)
        yield Case(f"{name} plus one", PROOF, (*INPUTS[:i], plus_one, *INPUTS[i + 1 :]))
        alias = str(int(INPUTS[i]) + FIELD)
        yield Case(f"{name} plus the field's order", PROOF, (*INPUTS[:i], alias, *INPUTS[i + 1 :]))
    yield Case("another therapy's inputs", PROOF, tuple(COLLECTION["publicInputs"]))
    yield Case("two inputs exchanged", PROOF, (INPUTS[1], INPUTS[0], *INPUTS[2:]))
    yield Case("an input too few", PROOF, tuple(INPUTS[:-1]))
    yield Case("an input too many", PROOF, (*INPUTS, "0"))
    yield Case("no inputs", PROOF, ())
    for spelling in ("", "x", "-1", "+" + INPUTS[0], "0" + INPUTS[0], INPUTS[0] + " ", hex(int(INPUTS[0])), None, 5.5):
        yield Case(f"therapy spelt {spelling!r:.20}", PROOF, (spelling, *INPUTS[1:]))


def _mutated_keys() -> Iterator[Case]:
    def changed(**members: Any) -> dict[str, Any]:
        return {**copy.deepcopy(KEY), **members}

    ic = KEY["IC"]
    yield Case("key with alpha replaced", PROOF, key=changed(vk_alpha_1=ic[0]))
    yield Case("key with gamma for delta", PROOF, key=changed(vk_delta_2=KEY["vk_gamma_2"]))
    yield Case("key with two inputs' points exchanged", PROOF, key=changed(IC=[ic[0], ic[2], ic[1], *ic[3:]]))
    yield Case("key for five inputs", PROOF, key=changed(IC=ic[:-1], nPublic=5))
    yield Case("key whose count is wrong", PROOF, key=changed(nPublic=5))
    yield Case("key with a point off the curve", PROOF, key=changed(vk_alpha_1=["1", "1", "1"]))
    yield Case("key with a leading zero", PROOF, key=changed(vk_alpha_1=["0" + ic[0][0], *ic[0][1:]]))
    alias = str(int(KEY["vk_alpha_1"][0]) + Q)
    yield Case("key with a coordinate plus the modulus", PROOF, key=changed(vk_alpha_1=[alias, *KEY["vk_alpha_1"][1:]]))
    yield Case("key at infinity", PROOF, key=changed(vk_alpha_1=["0", "1", "0"]))
    outside = [str(value) for value in _outside_the_subgroup()]
    point = [[outside[1], outside[0]], [outside[3], outside[2]], ["1", "0"]]
    yield Case("key with beta outside the subgroup", PROOF, key=changed(vk_beta_2=point))
    yield Case("key for another system", PROOF, key=changed(protocol="plonk"))
    yield Case("key for another curve", PROOF, key=changed(curve="bls12381"))
    yield Case("key without gamma", PROOF, key={name: value for name, value in KEY.items() if name != "vk_gamma_2"})
    yield Case("no key", PROOF, key={})
    yield Case("a list for a key", PROOF, key=[])


def _outside_the_subgroup() -> list[int]:
    """x1 x0 y1 y0 of a point of the twist whose order is not r: the first x = n + u that has one."""
    for n in range(1, 100):
        x = bn.FQ2((n, 1))
        root = _square_root(x * x * x + bn.b2)
        if root is not None and not bn.is_inf(bn.multiply((x, root, bn.FQ2.one()), bn.curve_order)):
            return [1, n, int(root.coeffs[1]), int(root.coeffs[0])]
    raise AssertionError("no such point")


def _square_root(value: Any) -> Any:
    """A root in Fq2 for q = 3 mod 4 (Adj, Rodríguez-Henríquez 2012, algorithm 9), or None."""
    first = value ** ((Q - 3) // 4)
    alpha = first * first * value
    factor = bn.FQ2((0, 1)) if alpha == bn.FQ2((Q - 1, 0)) else (bn.FQ2.one() + alpha) ** ((Q - 1) // 2)
    root = factor * first * value
    return root if root * root == value else None
