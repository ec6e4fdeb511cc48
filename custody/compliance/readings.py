"""The readings' part of a proof: the committed series, the logger's signature, its place in the registry."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from custody.telemetry import committed
from custody.telemetry.models import Device, ReadingsCommitment
from ledger.proofs.babyjubjub import PublicKey, Signature
from ledger.proofs.poseidon import STATEMENT_VERSION
from ledger.proofs.registry import registry_path, registry_root
from ledger.proofs.statement import ReadingsWitness


def registry_size() -> int:
    """How many places of the device registry are taken now."""
    return Device.objects.count()


def readings_witness(*, therapy: UUID, leg: str, size: int) -> ReadingsWitness | None:
    """What a prover knows of a leg's readings, against the registry at `size` places; None when it cannot be proven."""
    commitment = ReadingsCommitment.objects.filter(therapy_id=therapy, leg=leg).first()
    series = committed.find(therapy, leg)
    if commitment is None or series is None or commitment.signature is None or series.statement != STATEMENT_VERSION:
        return None
    signed = commitment.signature
    device = Device.objects.get(pk=commitment.device_id)
    key = _key(device.bjj_x, device.bjj_y)
    return ReadingsWitness(
        readings=tuple(series.for_proof()),
        salt=series.root_salt,
        device=key,
        signature=Signature((int(signed["r8x"]), int(signed["r8y"])), int(signed["s"])),
        registry=registry_path(_registry(size), key),
    )


def device_registry_root(size: int) -> int:
    """The registry's root when `size` devices were registered; anyone recomputes it from the registration records."""
    return _root(_registry(size))


def _registry(size: int) -> tuple[PublicKey, ...]:
    rows = Device.objects.filter(place__lt=size).order_by("place").values_list("bjj_x", "bjj_y")
    return tuple(_key(x, y) for x, y in rows)


@lru_cache(maxsize=2048)
def _key(x: str, y: str) -> PublicKey:
    """A device's public key; that it lies in the right subgroup takes milliseconds to check, so once is enough."""
    return PublicKey(int(x), int(y))


@lru_cache(maxsize=8)
def _root(registry: tuple[PublicKey, ...]) -> int:
    return registry_root(registry)
