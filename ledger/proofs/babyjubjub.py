"""BabyJubJub (ERC-2494) and EdDSA with Poseidon, in the form that circomlib's EdDSAPoseidonVerifier checks.

The twisted Edwards curve 168700·x² + y² = 1 + 168696·x²·y² over the BN254 scalar field, cofactor 8. Devices sign
the commitment of their readings with it, because a proof can check such a signature cheaply.

Not constant-time: sign where the device or gateway is, not on a shared machine that an attacker can time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ledger.proofs.field import FIELD, check_element
from ledger.proofs.poseidon import poseidon

A = 168700
D = 168696
SUBGROUP_ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041

Affine = tuple[int, int]
Projective = tuple[int, int, int]

BASE: Affine = (
    5299619240641551281634865583518297030282874472190772894086521144482721001553,
    16950150798460657717958625567821834550301663161624707787222815936182638968203,
)
"""Base8 of ERC-2494: a generator of the prime-order subgroup."""

IDENTITY: Affine = (0, 1)


class InvalidPoint(ValueError):
    """The coordinates are not canonical, not on the curve, or not a usable public key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the prime-order subgroup other than the identity, in affine coordinates.

    Raises InvalidPoint for anything else, so low-order keys (which sign everything) cannot be registered.
    """

    x: int
    y: int

    def __post_init__(self) -> None:
        point = (self.x, self.y)
        if not is_on_curve(point):
            raise InvalidPoint("the public key is not a point of BabyJubJub")
        if point == IDENTITY or multiply(point, SUBGROUP_ORDER) != IDENTITY:
            raise InvalidPoint("the public key is not in the prime-order subgroup")


@dataclass(frozen=True, slots=True)
class Signature:
    """EdDSA: the nonce point R8 and the scalar s, 0 <= s < subgroup order."""

    r8: Affine
    s: int


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A device's signing key; keep the seed, everything else follows from it."""

    scalar: int = field(repr=False)
    prefix: bytes = field(repr=False)
    public: PublicKey

    def sign(self, message: int) -> Signature:
        """Sign one field element. Deterministic: the nonce comes from key and message, as in RFC 8032."""
        check_element(message, name="message")
        digest = hashlib.sha512(
            b"needlepoint/babyjubjub/nonce/v1\n" + self.prefix + message.to_bytes(32, "big")
        ).digest()
        nonce = int.from_bytes(digest, "big") % SUBGROUP_ORDER
        r8 = multiply(BASE, nonce)
        challenge = _challenge(r8, self.public, message)
        return Signature(r8, (nonce + 8 * challenge * self.scalar) % SUBGROUP_ORDER)


def private_key(seed: bytes) -> PrivateKey:
    """Derive a key from 32 secret random bytes."""
    if len(seed) != 32:
        raise ValueError("a BabyJubJub key is derived from a seed of 32 bytes")
    digest = hashlib.sha512(b"needlepoint/babyjubjub/scalar/v1\n" + seed).digest()
    prefix = hashlib.sha512(b"needlepoint/babyjubjub/prefix/v1\n" + seed).digest()
    scalar = int.from_bytes(digest, "big") % SUBGROUP_ORDER
    return PrivateKey(scalar, prefix, PublicKey(*multiply(BASE, scalar)))


def verify(public: PublicKey, message: int, signature: Signature) -> bool:
    """True when s·B = R8 + 8·H(R8, A, m)·A with R8 on the curve and s canonical (circomlib's equation)."""
    if type(signature.s) is not int or not 0 <= signature.s < SUBGROUP_ORDER or not is_on_curve(signature.r8):
        return False
    check_element(message, name="message")
    challenge = _challenge(signature.r8, public, message)
    right = add(signature.r8, multiply((public.x, public.y), 8 * challenge))
    return multiply(BASE, signature.s) == right


def is_on_curve(point: Affine) -> bool:
    """Canonical coordinates which satisfy the curve's equation."""
    x, y = point
    if not all(type(value) is int and 0 <= value < FIELD for value in point):
        return False
    x2, y2 = x * x % FIELD, y * y % FIELD
    return (A * x2 + y2 - 1 - D * x2 * y2) % FIELD == 0


def add(left: Affine, right: Affine) -> Affine:
    """Sum of two points of the curve."""
    return _affine(_add((*left, 1), (*right, 1)))


def multiply(point: Affine, scalar: int) -> Affine:
    """`scalar` times a point of the curve; the scalar is not reduced."""
    total: Projective = (0, 1, 1)
    addend: Projective = (*point, 1)
    while scalar:
        if scalar & 1:
            total = _add(total, addend)
        addend = _add(addend, addend)
        scalar >>= 1
    return _affine(total)


def _challenge(r8: Affine, public: PublicKey, message: int) -> int:
    return poseidon([r8[0], r8[1], public.x, public.y, message])


def _add(left: Projective, right: Projective) -> Projective:
    """Complete addition in projective coordinates (Bernstein, Birkner, Joye, Lange, Peters 2008, section 6)."""
    x1, y1, z1 = left
    x2, y2, z2 = right
    a = z1 * z2 % FIELD
    b = a * a % FIELD
    c = x1 * x2 % FIELD
    d = y1 * y2 % FIELD
    e = D * c * d % FIELD
    f, g = b - e, b + e
    cross = (x1 + y1) * (x2 + y2) - c - d
    return a * f * cross % FIELD, a * g * (d - A * c) % FIELD, f * g % FIELD


def _affine(point: Projective) -> Affine:
    inverse = pow(point[2], -1, FIELD)
    return point[0] * inverse % FIELD, point[1] * inverse % FIELD
