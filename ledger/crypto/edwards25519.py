"""The curve edwards25519, only as far as judging a public key needs it (RFC 8032 §5.1).

Everything here works on public data, so nothing needs to take constant time.
"""

from __future__ import annotations

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
_SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x·y = T/Z."""

IDENTITY: Point = (0, 1, 1, 0)

_ORDER_8_Y = (
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
)
# y = 1 (order 1), y = -1 (order 2), y = 0 (order 4), two of order 8; 0 and 1 also have a form not reduced modulo p.
_SMALL_ORDER_Y = frozenset({0, 1, P - 1, P, P + 1, *_ORDER_8_Y})


def is_small_order_encoding(encoded: bytes) -> bool:
    """Whether these 32 bytes, with either sign bit and reduced or not, name one of the eight points of small order."""
    return int.from_bytes(encoded, "little") & ~(1 << 255) in _SMALL_ORDER_Y


def decode(encoded: bytes) -> Point:
    """The point of 32 bytes (RFC 8032 §5.1.3); ValueError when they are not canonical or name no point."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ~(1 << 255)
    if y >= P:
        raise ValueError("its coordinate is not reduced modulo 2^255-19")
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == (-u) % P:
        x = x * _SQRT_MINUS_1 % P
    if v * x * x % P != u:
        raise ValueError("it is not a point on the curve")
    if x == 0 and sign:
        raise ValueError("its sign bit is set although x is zero")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def in_prime_subgroup(point: Point) -> bool:
    """Whether [L]·point is the identity."""
    return _is_identity(multiply(L, point))


def is_small_order(point: Point) -> bool:
    """Whether [8]·point is the identity."""
    return _is_identity(multiply(8, point))


def add(p: Point, q: Point) -> Point:
    """p + q by the unified formulas of RFC 8032 §5.1.4, which also double."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    total = IDENTITY
    for bit in bin(scalar)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def _is_identity(point: Point) -> bool:
    x, y, z, _ = point
    return x % P == 0 and (y - z) % P == 0
