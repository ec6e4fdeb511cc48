"""Groth16 verification keys over BN254 in snarkjs' JSON form, read strictly, and their digest.

The digest is what the ledger registers for a circuit: SHA-256 over the canonical JSON (RFC 8785) of the members
that verification uses. Derived members such as `vk_alphabeta_12` are ignored.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

COORDINATE_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""Order q of the field that BN254's coordinates lie in."""

G1 = tuple[int, int]
G2 = tuple[tuple[int, int], tuple[int, int]]
"""x = x0 + x1·u as (x0, x1), the same for y: the order of snarkjs."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


class MalformedKey(ValueError):
    """The verification key is not one: a member is missing, has another shape, or is not canonical."""


@dataclass(frozen=True)
class VerificationKey:
    """A key whose numbers are canonical. That its points lie on the curve is checked where it is used."""

    alpha: G1
    beta: G2
    gamma: G2
    delta: G2
    ic: tuple[G1, ...]

    @property
    def public_inputs(self) -> int:
        """How many public inputs a proof under this key has."""
        return len(self.ic) - 1

    @classmethod
    def from_snarkjs(cls, source: str | bytes | Mapping[str, Any]) -> VerificationKey:
        """Read a `verification_key.json`. Raises MalformedKey."""
        try:
            document = source if isinstance(source, Mapping) else json.loads(source)
            if document["protocol"] != "groth16" or document["curve"] not in ("bn128", "bn254"):
                raise MalformedKey("the key is not for Groth16 over BN254")
            ic = tuple(_g1(point) for point in document["IC"])
            if type(document["nPublic"]) is not int or len(ic) != document["nPublic"] + 1 or len(ic) < 2:
                raise MalformedKey("the key's number of public inputs does not fit its points")
            beta, gamma, delta = (_g2(document[f"vk_{name}_2"]) for name in ("beta", "gamma", "delta"))
            return cls(_g1(document["vk_alpha_1"]), beta, gamma, delta, ic)
        except MalformedKey:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise MalformedKey(f"the verification key cannot be read: {type(problem).__name__}") from None

    def to_snarkjs(self) -> dict[str, Any]:
        """The members that verification uses, in snarkjs' form."""
        return {
            "protocol": "groth16",
            "curve": "bn128",
            "nPublic": self.public_inputs,
            "vk_alpha_1": _write_g1(self.alpha),
            "vk_beta_2": _write_g2(self.beta),
            "vk_gamma_2": _write_g2(self.gamma),
            "vk_delta_2": _write_g2(self.delta),
            "IC": [_write_g1(point) for point in self.ic],
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the key's canonical JSON."""
        canonical = json.dumps(self.to_snarkjs(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _coordinate(text: Any) -> int:
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text) or int(text) >= COORDINATE_MODULUS:
        raise MalformedKey("a coordinate of the key is not a canonical decimal number")
    return int(text)


def _g1(point: Any) -> G1:
    x, y, z = point
    if z != "1":
        raise MalformedKey("a point of the key is not affine")
    return _coordinate(x), _coordinate(y)


def _g2(point: Any) -> G2:
    x, y, z = point
    if list(z) != ["1", "0"]:
        raise MalformedKey("a point of the key is not affine")
    (x0, x1), (y0, y1) = x, y
    return (_coordinate(x0), _coordinate(x1)), (_coordinate(y0), _coordinate(y1))


def _write_g1(point: G1) -> list[str]:
    return [str(point[0]), str(point[1]), "1"]


def _write_g2(point: G2) -> list[list[str]]:
    return [[str(value) for value in point[0]], [str(value) for value in point[1]], ["1", "0"]]
