"""The tree of registered devices."""

import pytest

from ledger.proofs.poseidon import poseidon
from ledger.proofs.registry import NotRegistered, device_leaf, registry_path, registry_root
from tests.unit.ledger.proofs.proof_samples import DEVICE, OTHER_DEVICE, REGISTRY, STRANGER


def test_root_equals_the_tree_over_all_1024_places() -> None:
    level = [device_leaf(key) if key else 0 for key in REGISTRY] + [0] * (1024 - len(REGISTRY))
    while len(level) > 1:
        level = [poseidon(level[i : i + 2]) for i in range(0, len(level), 2)]
    assert registry_root(REGISTRY) == level[0]


@pytest.mark.parametrize("device", [DEVICE, OTHER_DEVICE])
def test_path_leads_from_a_registered_device_to_the_root(device) -> None:  # type: ignore[no-untyped-def]
    path = registry_path(REGISTRY, device.public)
    assert path.root == registry_root(REGISTRY)
    assert path.leads_from(device.public)
    assert not path.leads_from(STRANGER.public)


def test_device_without_a_place_has_no_path() -> None:
    with pytest.raises(NotRegistered):
        registry_path(REGISTRY, STRANGER.public)


def test_revoking_and_order_change_the_root() -> None:
    roots = {
        registry_root(devices)
        for devices in ((), REGISTRY, REGISTRY[:1], (None, *REGISTRY), (*REGISTRY, STRANGER.public), REGISTRY[::-1])
    }
    assert len(roots) == 6


def test_trailing_empty_places_do_not_change_the_root() -> None:
    assert registry_root((*REGISTRY, None, None)) == registry_root(REGISTRY)


def test_registry_is_bounded() -> None:
    with pytest.raises(ValueError):
        registry_root([None] * 1025)
