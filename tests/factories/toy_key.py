"""A Groth16 key whose trapdoor is known here, so that a proof of any statement takes milliseconds: for corpora only.

Whoever knows the trapdoor can prove everything (Groth, "On the size of pairing-based non-interactive arguments", 2016,
§3.2: the simulator). Such a proof is as valid, and as much work to verify, as an honest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from py_ecc import optimized_bn128 as curve

from ledger.proofs.verification_key import VerificationKey

ORDER = curve.curve_order
POOL = 64


@dataclass
class ToyKey:
    """Made from a seed. A and B of a proof are drawn from pools of points, since making those is slow; C is its own."""

    inputs: int = 6
    seed: int = 1
    _a: list[tuple[int, tuple[int, int]]] = field(default_factory=list)
    _b: list[tuple[int, tuple[tuple[int, int], tuple[int, int]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.alpha, self.beta, self.gamma, self.delta = (self._scalar() for _ in range(4))
        self.ic = [self._scalar() for _ in range(self.inputs + 1)]
        self._a = [(scalar, _g1(scalar)) for scalar in (self._scalar() for _ in range(POOL))]
        self._b = [(scalar, _g2(scalar)) for scalar in (self._scalar() for _ in range(POOL))]
        self.verification_key = VerificationKey(
            alpha=_g1(self.alpha),
            beta=_g2(self.beta),
            gamma=_g2(self.gamma),
            delta=_g2(self.delta),
            ic=tuple(_g1(scalar) for scalar in self.ic),
        )

    def prove(self, inputs: Sequence[int]) -> bytes:
        """256 bytes that hold for these public inputs, in the order of EIP-197."""
        (a, first), (b, second) = self.random.choice(self._a), self.random.choice(self._b)
        said = self.ic[0] + sum(value * scalar for value, scalar in zip(inputs, self.ic[1:], strict=True))
        c = (a * b - self.alpha * self.beta - said * self.gamma) * pow(self.delta, -1, ORDER) % ORDER
        (x0, x1), (y0, y1) = second
        words = (*first, x1, x0, y1, y0, *_g1(c))
        return b"".join(word.to_bytes(32, "big") for word in words)

    def _scalar(self) -> int:
        return self.random.randrange(1, ORDER)


def _g1(scalar: int) -> tuple[int, int]:
    x, y = curve.normalize(curve.multiply(curve.G1, scalar))
    return int(x), int(y)


def _g2(scalar: int) -> tuple[tuple[int, int], tuple[int, int]]:
    x, y = curve.normalize(curve.multiply(curve.G2, scalar))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))
