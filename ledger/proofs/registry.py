"""The device registry: a Merkle tree of fixed depth over the public keys of registered devices.

Leaves stand in the order of registration, an empty or revoked place is zero, a leaf is Poseidon(4000, x, y) and a
node Poseidon(left, right). Anyone recomputes the root from the registration records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ledger.proofs.babyjubjub import PublicKey
from ledger.proofs.poseidon import poseidon

REGISTRY_DEPTH = 10
REGISTRY_CAPACITY = 2**REGISTRY_DEPTH
_DEVICE_TAG = 4000


class NotRegistered(ValueError):
    """The device has no place in the registry."""


@dataclass(frozen=True, slots=True)
class RegistryPath:
    """From a device's leaf to the root: the sibling at each level, and on which side we stand (1 is right)."""

    siblings: tuple[int, ...]
    sides: tuple[int, ...]
    root: int

    def leads_from(self, device: PublicKey) -> bool:
        """True when the path, walked from the device's leaf, ends in the root."""
        if len(self.siblings) != REGISTRY_DEPTH or len(self.sides) != REGISTRY_DEPTH:
            return False
        node = device_leaf(device)
        for sibling, side in zip(self.siblings, self.sides, strict=True):
            node = poseidon([sibling, node] if side else [node, sibling])
        return node == self.root


def device_leaf(device: PublicKey) -> int:
    """The leaf of one device."""
    return poseidon([_DEVICE_TAG, device.x, device.y])


def registry_root(devices: Sequence[PublicKey | None]) -> int:
    """Root over the devices in order of registration; None is a revoked place.

    Raises ValueError past 1,024 places.
    """
    return _levels(devices)[-1][0]


def registry_path(devices: Sequence[PublicKey | None], device: PublicKey) -> RegistryPath:
    """The path of `device`, at its last place if it was registered again.

    Raises NotRegistered when it has no place.
    """
    places = [place for place, key in enumerate(devices) if key == device]
    if not places:
        raise NotRegistered("the device is not in the registry")
    levels = _levels(devices)
    index, siblings, sides = places[-1], [], []
    for depth in range(REGISTRY_DEPTH):
        level = levels[depth]
        siblings.append(level[index ^ 1] if index ^ 1 < len(level) else _empty()[depth])
        sides.append(index & 1)
        index >>= 1
    return RegistryPath(tuple(siblings), tuple(sides), levels[-1][0])


@lru_cache(maxsize=1)
def _empty() -> tuple[int, ...]:
    """The root of an empty subtree at each height."""
    nodes = [0]
    for _ in range(REGISTRY_DEPTH):
        nodes.append(poseidon([nodes[-1], nodes[-1]]))
    return tuple(nodes)


def _levels(devices: Sequence[PublicKey | None]) -> list[list[int]]:
    """All levels from leaves to root; what lies to the right of the last device is left out."""
    if len(devices) > REGISTRY_CAPACITY:
        raise ValueError(f"the registry has {REGISTRY_CAPACITY} places, {len(devices)} devices were given")
    levels = [[device_leaf(device) if device is not None else 0 for device in devices] or [0]]
    for depth in range(REGISTRY_DEPTH):
        below = levels[-1]
        padded = below if len(below) % 2 == 0 else [*below, _empty()[depth]]
        levels.append([poseidon(padded[i : i + 2]) for i in range(0, len(padded), 2)])
    return levels
