"""Cosignatures with ML-DSA-44 (FIPS 204), type 0x06 of C2SP tlog-cosignature: they outlast quantum computers.

What is signed names the cosigner and the log, so one key cannot be mistaken for another's; extension lines of the
checkpoint are not covered. The mathematics is OpenSSL's, through `cryptography`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger.crypto import checkpoint, notes
from ledger.crypto.errors import VerificationError

TYPE_MLDSA44 = 0x06
PUBLIC_KEY_BYTES = 1_312
SIGNATURE_BYTES = 2_420
MAX_TIMESTAMP = 2**63 - 1
_TIMESTAMP_BYTES = 8
_LABEL = b"subtree/v1\n\x00"


@dataclass(frozen=True)
class MldsaSigner:
    """An ML-DSA-44 key made from its 32-byte seed; its repr does not show the seed."""

    seed: bytes = field(repr=False)
    public_key: bytes = field(init=False)
    _key: MLDSA44PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = MLDSA44PrivateKey.from_seed_bytes(self.seed)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "public_key", key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass(frozen=True)
class MldsaVerifier:
    """A witness's ML-DSA-44 key; a verifier for `notes.open_note`."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, TYPE_MLDSA44, self.public_key)

    def verify(self, text: str, signature: bytes) -> None:
        if len(signature) != _TIMESTAMP_BYTES + SIGNATURE_BYTES:
            raise VerificationError("An ML-DSA-44 cosignature has 8 bytes of time and 2,420 of signature.")
        timestamp = int.from_bytes(signature[:_TIMESTAMP_BYTES], "big")
        if timestamp > MAX_TIMESTAMP:
            raise VerificationError("The time of a cosignature is beyond 2^63-1 seconds.")
        try:
            MLDSA44PublicKey.from_public_bytes(self.public_key).verify(
                signature[_TIMESTAMP_BYTES:], message(text, self.name, timestamp)
            )
        except InvalidSignature as error:
            raise VerificationError("The ML-DSA-44 signature does not fit the checkpoint and the key.") from error


def message(text: str, name: str, timestamp: int) -> bytes:
    """What is signed under a checkpoint's body (`cosigned_message`): label, cosigner, time, log, 0, size, root."""
    said = checkpoint.parse(text)
    stamp, start, end = (number.to_bytes(8, "big") for number in (timestamp, 0, said.size))
    return _LABEL + _opaque(name) + stamp + _opaque(said.origin) + start + end + said.root


def cosign(text: str, name: str, signer: MldsaSigner, *, timestamp: int) -> str:
    """The signature line of a witness under a checkpoint's body, at POSIX second `timestamp`."""
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise ValueError(f"{timestamp} is not a POSIX time that a cosignature can hold.")
    signature = timestamp.to_bytes(_TIMESTAMP_BYTES, "big") + signer.sign(message(text, name, timestamp))
    return notes.format_line(name, notes.key_id(name, TYPE_MLDSA44, signer.public_key), signature)


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key of a witness, of type 0x06."""
    return notes.vkey(name, public_key, type=TYPE_MLDSA44)


def verifier_of(key: notes.VerifierKey) -> MldsaVerifier:
    """The verifier in a parsed vkey of type 0x06."""
    if len(key.public_key) != PUBLIC_KEY_BYTES:
        raise VerificationError(f"An ML-DSA-44 public key has {PUBLIC_KEY_BYTES} bytes, not {len(key.public_key)}.")
    return MldsaVerifier(key.name, key.public_key)


def _opaque(text: str) -> bytes:
    """A string led by its length in one byte (RFC 8446 §3.4)."""
    data = text.encode("utf-8")
    if not 1 <= len(data) <= 255:
        raise VerificationError("The names in an ML-DSA-44 cosignature have from 1 to 255 bytes.")
    return bytes([len(data)]) + data
