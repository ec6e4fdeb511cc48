"""Encryption at rest and to a recipient: AES-256-GCM, HKDF-SHA256 (RFC 5869), HPKE (RFC 9180), blind indexes.

A sealed value is: version 0x01, 8 bytes key id, 12 bytes random nonce, ciphertext with its 16-byte tag. Version and
key id are authenticated with the caller's associated data. With random nonces one key may seal at most 2^32 values
(NIST SP 800-38D §8.3): keys here belong to one patient, one file or one column.

A wrapped key is: version 0x01, then HPKE's 32-byte encapsulated key and ciphertext, base mode, DHKEM(X25519,
HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Base mode does not say who wrapped: the ledger's records do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.crypto import canonical
from ledger.crypto.errors import VerificationError

KEY_BYTES = 32
KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_VERSION = b"\x01"
_HEADER_BYTES = len(_VERSION) + KEY_ID_BYTES
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class UnsealError(VerificationError):
    """Something sealed or wrapped that could not be opened."""


class WrongKey(UnsealError):
    """The value was sealed under another key."""


def fresh_key() -> bytes:
    """256 bits from the operating system's randomness."""
    return secrets.token_bytes(KEY_BYTES)


def key_id(key: bytes) -> bytes:
    """Eight bytes that name a key without telling anything of it."""
    return derive(key, b"needlepoint/key-id/v1", length=KEY_ID_BYTES)


def associated_data(*parts: str | int) -> bytes:
    """Unambiguous bytes of table, row, field, key version and the like: no two lists of parts give the same."""
    return canonical.encode(list(parts))


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """`plaintext` encrypted and bound to `aad`, which has to be given again to open it."""
    header = _VERSION + key_id(key)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return header + nonce + AESGCM(key).encrypt(nonce, plaintext, header + aad)


def unseal(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext; `WrongKey` or `UnsealError` if the key, the associated data or the bytes are not the same."""
    claimed = key_id_of(sealed)
    header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], header + aad)
    except InvalidTag as error:
        # The tag covers the key id, so that naming the key costs something only where it was the wrong one.
        if claimed != key_id(key):
            raise WrongKey("The value was sealed under another key.") from error
        raise UnsealError("The sealed value was changed, or moved here from another place.") from error


def key_id_of(sealed: bytes) -> bytes:
    """Which key a sealed value claims to need: `key_id` of that key."""
    if len(sealed) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise UnsealError("The sealed value is cut short.")
    if sealed[:1] != _VERSION:
        raise UnsealError(f"The sealed value is of version {sealed[0]}, which is not known here.")
    return sealed[len(_VERSION) : _HEADER_BYTES]


def derive(key: bytes, info: bytes | str, *, length: int = KEY_BYTES, salt: bytes | None = None) -> bytes:
    """A key for one purpose, named by `info`, by HKDF-SHA256 (RFC 5869)."""
    if isinstance(info, str):
        info = info.encode("utf-8")
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def blind_index(key: bytes, value: str) -> str:
    """HMAC-SHA256 of the normalised `value`, 64 hex digits: finds equal values without showing any.

    Normalised: Unicode NFKC, case folded, outer space gone, inner space a single one. Give each column its own
    key (`derive`), or equal values of two columns show as equal.
    """
    return hmac.new(key, normalise(value).encode("utf-8"), hashlib.sha256).hexdigest()


def normalise(value: str) -> str:
    # Folding can undo the normal form, hence the second pass (Unicode Standard §3.13, D145).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    return " ".join(folded.split())


def recipient_public(seed: bytes) -> bytes:
    """The 32-byte X25519 public key of a recipient's 32-byte private key (RFC 7748)."""
    return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def wrap_key(recipient_public: bytes, key: bytes, info: bytes) -> bytes:
    """`key` encrypted to a recipient's X25519 public key and bound to `info` (RFC 9180 §5.1.1, §6.1)."""
    try:
        return _VERSION + _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(recipient_public), info)
    except ValueError as error:
        raise UnsealError("This is not a usable X25519 public key.") from error


def unwrap_key(recipient_private: bytes, wrapped: bytes, info: bytes) -> bytes:
    """The key, if it was wrapped to this recipient under the same `info`."""
    if wrapped[:1] != _VERSION:
        raise UnsealError("The wrapped key is of a version that is not known here.")
    try:
        return _SUITE.decrypt(wrapped[1:], X25519PrivateKey.from_private_bytes(recipient_private), info)
    except (InvalidTag, ValueError) as error:
        raise UnsealError("The wrapped key was not made for this recipient and purpose.") from error
