"""Keys with which people sign: passkeys (Web Authentication Level 3) and Ed25519 keys that a password releases.

A key is written as one text, `<kind>|<algorithm>|<relying party>|<SubjectPublicKeyInfo, DER, in hex>`: everything that
anyone needs who wants to check a signature of it. What a passkey signs is fixed by the standard (§6.3.3): its own data
and SHA-256 of the client's, which carries the challenge; here the challenge is the digest of what was signed for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from ledger.crypto import ed25519 as points
from ledger.crypto.errors import VerificationError

PASSKEY, SOFTWARE = "passkey", "key"
ES256, EDDSA, RS256 = "ES256", "EdDSA", "RS256"
ALGORITHMS = frozenset({ES256, EDDSA, RS256})
LONGEST = 1400
"""Characters of a key's text; an RSA key of 4096 bits takes some 1,120."""
LONGEST_CLIENT_DATA = 2000
_KEYID_DOMAIN = b"needlepoint/hand-keyid/v1\x00"
_USER_PRESENT, _USER_VERIFIED = 0x01, 0x04


@dataclass(frozen=True, slots=True)
class HandKey:
    """A person's public key. `relying_party` is the host for which a passkey was made; empty for a software key."""

    kind: str
    algorithm: str
    relying_party: str
    public_key: bytes

    @property
    def text(self) -> str:
        return f"{self.kind}|{self.algorithm}|{self.relying_party}|{self.public_key.hex()}"

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits that follow from the public key."""
        return hashlib.sha256(_KEYID_DOMAIN + self.public_key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey gave: its own data, the client's, and the signature over both (Web Authentication, §5.2.2)."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @property
    def sign_count(self) -> int:
        """The passkey's counter; 0 of those that do not count (§6.1.1)."""
        return int.from_bytes(self.authenticator_data[33:37], "big")


def parse(text: str) -> HandKey:
    """The key of this text. Raises VerificationError for anything that is not exactly one."""
    found = _parsed(text) if isinstance(text, str) and len(text) <= LONGEST else None
    if found is None:
        raise VerificationError("This is no key of a person.")
    return found


@lru_cache(maxsize=4096)
def _parsed(text: str) -> HandKey | None:
    parts = text.split("|")
    if len(parts) != 4:
        return None
    kind, algorithm, relying_party, digits = parts
    try:
        key = HandKey(kind, algorithm, relying_party, bytes.fromhex(digits))
        _load(key)
    except (ValueError, VerificationError):
        return None
    host = relying_party
    fits = (
        algorithm in ALGORITHMS and 0 < len(host) <= 253 and host == host.strip().lower()
        if kind == PASSKEY
        else kind == SOFTWARE and algorithm == EDDSA and not host
    )
    return key if fits and key.text == text else None


def of_public_key(kind: str, relying_party: str, public_key: Any) -> HandKey:
    """The key of an object of `cryptography`. Raises VerificationError for a kind that is not signed with here."""
    der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for algorithm, kept in (
        (ES256, ec.EllipticCurvePublicKey),
        (EDDSA, ed25519.Ed25519PublicKey),
        (RS256, rsa.RSAPublicKey),
    ):
        if isinstance(public_key, kept):
            key = HandKey(kind, algorithm, relying_party, der)
            _load(key)
            return key
    raise VerificationError("Keys of this kind are not signed with here.")


def verify_signature(key: HandKey, digest: bytes, signature: bytes) -> None:
    """A software key's signature over a digest. Raises VerificationError."""
    if key.kind != SOFTWARE:
        raise VerificationError("A passkey signs by an assertion, not by itself.")
    _verify(key, digest, signature)


def verify_assertion(key: HandKey, challenge: bytes, assertion: Assertion) -> None:
    """A passkey's assertion over a challenge, user present and verified (§7.2, steps 11 to 21).

    The origin has to be the relying party's host or one below it. The counter is for whoever has seen earlier ones.
    Raises VerificationError.
    """
    if key.kind != PASSKEY:
        raise VerificationError("Only a passkey makes assertions.")
    if len(assertion.client_data) > LONGEST_CLIENT_DATA:
        raise VerificationError("What the browser says of the passkey's signature is too long.")
    try:
        client = json.loads(assertion.client_data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError):
        raise VerificationError("What the browser says of the passkey's signature cannot be read.") from None
    if not isinstance(client, dict) or client.get("type") != "webauthn.get":
        raise VerificationError("This is no signature of a passkey, but something else that it made.")
    said = client.get("challenge")
    if not isinstance(said, str) or not hmac.compare_digest(
        said.encode(), base64.urlsafe_b64encode(challenge).rstrip(b"=")
    ):
        raise VerificationError("The passkey signed something else than this.")
    if client.get("crossOrigin", False) is not False:
        raise VerificationError("The passkey was asked from within another site's page.")
    host = _host_of(client.get("origin"))
    if host != key.relying_party and not host.endswith(f".{key.relying_party}"):
        raise VerificationError("The passkey was asked by another site.")
    data = assertion.authenticator_data
    if len(data) < 37 or data[:32] != hashlib.sha256(key.relying_party.encode()).digest():
        raise VerificationError("The passkey signed for another site.")
    if not data[32] & _USER_PRESENT or not data[32] & _USER_VERIFIED:
        raise VerificationError("The passkey did not ask for the person's finger, face or PIN.")
    _verify(key, data + hashlib.sha256(assertion.client_data).digest(), assertion.signature)


def _host_of(origin: Any) -> str:
    try:
        return (urlsplit(origin).hostname or "") if isinstance(origin, str) else ""
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def _load(key: HandKey) -> Any:
    try:
        loaded = serialization.load_der_public_key(key.public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise VerificationError("This public key cannot be read.") from None
    if key.algorithm == ES256:
        if isinstance(loaded, ec.EllipticCurvePublicKey) and isinstance(loaded.curve, ec.SECP256R1):
            return loaded
    elif key.algorithm == EDDSA and isinstance(loaded, ed25519.Ed25519PublicKey):
        points.check_public_key(loaded.public_bytes_raw())
        return loaded
    elif key.algorithm == RS256 and isinstance(loaded, rsa.RSAPublicKey) and 2048 <= loaded.key_size <= 4096:
        return loaded
    raise VerificationError("This public key is not of the kind that it says.")


def _verify(key: HandKey, message: bytes, signature: bytes) -> None:
    loaded = _load(key)
    try:
        if key.algorithm == ES256:
            loaded.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif key.algorithm == EDDSA:
            points.verify(loaded.public_bytes_raw(), message, signature)
        else:
            loaded.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, VerificationError):
        raise VerificationError("The person's signature does not hold.") from None
