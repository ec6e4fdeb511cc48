"""Ed25519 signatures (RFC 8032 §5.1), with public keys checked before they are trusted.

Signing is OpenSSL's, through `cryptography`; verifying is libsodium's, through PyNaCl, in half of OpenSSL's time. Both
verify without the cofactor (§5.1.7), so they agree, and the tests hold them to it: libsodium alone refuses a signature
whose R is of small order, which a key of the prime-order subgroup makes with the nonce 0 only, giving itself away.

Neither checks all that RFC 8032 §5.1.3 and Chalkias, Garillot and Nikolaenko ("Taming the many EdDSAs", 2020) ask of a
public key, so that is done here: canonical encoding, a point on the curve, not of small order (for which one signature
fits every message), and in the prime-order subgroup (outside which cofactored and cofactorless verifiers, and so two
witnesses, may disagree).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, runtime_checkable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from ledger.crypto import edwards25519
from ledger.crypto.errors import VerificationError

PublicKeyBytes = bytes

SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

_KEYID_DOMAIN = b"needlepoint/ed25519-keyid/v1\x00"


class InvalidPublicKey(VerificationError):
    """Bytes that must not be used as an Ed25519 public key."""


@runtime_checkable
class Signer(Protocol):
    """Something that holds a private key: memory, a sealed file, a token or a key service."""

    @property
    def keyid(self) -> str: ...

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True)
class InMemorySigner:
    """A signer whose 32-byte seed is in this process's memory; its repr does not show the seed."""

    seed: bytes = field(repr=False)
    public_key: bytes = field(init=False)
    keyid: str = field(init=False)
    _key: Ed25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise ValueError(f"An Ed25519 seed has {SEED_BYTES} bytes, not {len(self.seed)}.")
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        public_key = key.public_key().public_bytes_raw()
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "public_key", public_key)
        object.__setattr__(self, "keyid", keyid(public_key))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def generate() -> InMemorySigner:
    """A signer with a fresh key from the operating system's randomness."""
    return InMemorySigner(Ed25519PrivateKey.generate().private_bytes_raw())


def verify(public_key: PublicKeyBytes, message: bytes, signature: bytes) -> bytes:
    """`message`, once its signature is known to be good; else `VerificationError`."""
    key = check_public_key(public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise VerificationError(f"An Ed25519 signature has {SIGNATURE_BYTES} bytes, not {len(signature)}.")
    try:
        return crypto_sign_open(signature + message, key)
    except BadSignatureError as error:
        raise VerificationError("The Ed25519 signature does not fit the message and the key.") from error


def check_public_key(public_key: bytes) -> PublicKeyBytes:
    """`public_key`, if it may be trusted as one; else `InvalidPublicKey` with the reason."""
    return _checked(bytes(public_key))


def keyid(public_key: PublicKeyBytes) -> str:
    """A short name of a key, 16 hex digits. A hint where to look, never a proof of anything."""
    return hashlib.sha256(_KEYID_DOMAIN + public_key).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _checked(public_key: bytes) -> PublicKeyBytes:
    # The subgroup check takes a millisecond in Python, so it is done once a key and process.
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise InvalidPublicKey(f"An Ed25519 public key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}.")
    if edwards25519.is_small_order_encoding(public_key):
        raise InvalidPublicKey("This Ed25519 public key is a point of small order: anyone can sign for it.")
    try:
        point = edwards25519.decode(public_key)
    except ValueError as error:
        raise InvalidPublicKey(f"This is not an Ed25519 public key: {error}.") from error
    if not edwards25519.in_prime_subgroup(point):
        raise InvalidPublicKey("This Ed25519 public key lies outside the prime-order subgroup.")
    return public_key
