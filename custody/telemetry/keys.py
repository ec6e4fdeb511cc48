"""A device's keys: two signing keys from one seed in the keystore, and the API key that it sends.

The seed stands in the keystore as `device-<id>`; the Ed25519 and BabyJubJub keys are derived from it apart (RFC 5869).
The API key has 256 random bits, so a keyed hash of it (HMAC-SHA256, RFC 2104), bound to the device, needs not be slow.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from ledger.crypto import sealing
from ledger.crypto.ed25519 import InMemorySigner
from ledger.parties.keystore import KeyNotFound, keystore
from ledger.proofs import babyjubjub


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """What a device signs with."""

    ed25519: InMemorySigner
    babyjubjub: babyjubjub.PrivateKey


def create(device: UUID) -> DeviceKeys:
    """The keys of a device, made now unless they are there."""
    keystore().create(_name(device))
    return of(device)


def of(device: UUID) -> DeviceKeys:
    """The keys of a device. Raises KeyNotFound."""
    seed = keystore().secret(_name(device))
    return DeviceKeys(
        ed25519=InMemorySigner(sealing.derive(seed, "needlepoint/device/ed25519/v1")),
        babyjubjub=babyjubjub.private_key(sealing.derive(seed, "needlepoint/device/babyjubjub/v1")),
    )


def _name(device: UUID) -> str:
    return f"device-{device}"


def fresh_api_key() -> str:
    return secrets.token_urlsafe(32)


def hash_api_key(device: UUID, key: str) -> str:
    """What is kept of an API key, 64 hex digits."""
    return hmac.new(_pepper(), f"{device}\x1f{key}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_api_key(device: UUID, key: str, key_hash: str) -> bool:
    """Whether this is the key whose hash is kept; takes the same time either way."""
    return hmac.compare_digest(hash_api_key(device, key), key_hash)


_PEPPER = "device-api-keys"


def keep_pepper() -> None:
    """Put what the hashes are keyed with into the keystore: it was derived from the key-encryption key that goes."""
    oldest = settings.KEY_ENCRYPTION_KEY_OLD or settings.KEY_ENCRYPTION_KEY
    if _PEPPER not in keystore().names():
        keystore().restore(_PEPPER, sealing.derive(oldest, "needlepoint/device-api-keys/v1"))


def _pepper() -> bytes:
    try:
        return keystore().secret(_PEPPER)
    except KeyNotFound:
        oldest = settings.KEY_ENCRYPTION_KEY_OLD or settings.KEY_ENCRYPTION_KEY
        return sealing.derive(oldest, "needlepoint/device-api-keys/v1")
