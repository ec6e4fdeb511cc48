"""Cosignatures: a witness says when it saw a checkpoint as the largest consistent one (C2SP tlog-cosignature).

Ed25519, type 0x04, `cosignature/v1`. The message does not name the cosigner, so a witness uses a key for nothing
else. The other type, ML-DSA-44, is in `mldsa`; `verifier` and `cosignatures` know both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.crypto import checkpoint, ed25519, mldsa, notes
from ledger.crypto.ed25519 import PublicKeyBytes, Signer
from ledger.crypto.errors import VerificationError

TYPE_ED25519 = 0x04
MAX_TIMESTAMP = 2**63 - 1
_TIMESTAMP_BYTES = 8
ED25519_BYTES = _TIMESTAMP_BYTES + ed25519.SIGNATURE_BYTES
"""How long such a co-signature is; one by ML-DSA-44 is longer."""


@dataclass(frozen=True)
class Cosignature:
    """A verified cosignature: which witness, and its time in POSIX seconds."""

    name: str
    timestamp: int


@dataclass(frozen=True)
class CosignatureVerifier:
    """A witness's Ed25519 key; a verifier for `notes.open_note`."""

    name: str
    public_key: PublicKeyBytes

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, TYPE_ED25519, self.public_key)

    def verify(self, text: str, signature: bytes) -> None:
        if len(signature) != _TIMESTAMP_BYTES + ed25519.SIGNATURE_BYTES:
            raise VerificationError("A cosignature has 8 bytes of time and 64 of signature.")
        timestamp = timestamp_of(signature)
        checkpoint.parse(text)
        ed25519.verify(self.public_key, message(text, timestamp), signature[_TIMESTAMP_BYTES:])


def message(text: str, timestamp: int) -> bytes:
    """What is signed: a header line, a time line and the checkpoint's whole body."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def cosign(text: str, name: str, signer: Signer, *, timestamp: int) -> str:
    """The signature line of a witness under a checkpoint's body, at POSIX second `timestamp`."""
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise ValueError(f"{timestamp} is not a POSIX time that a cosignature can hold.")
    checkpoint.parse(text)
    signature = timestamp.to_bytes(_TIMESTAMP_BYTES, "big") + signer.sign(message(text, timestamp))
    return notes.format_line(name, notes.key_id(name, TYPE_ED25519, signer.public_key), signature)


def vkey(name: str, public_key: PublicKeyBytes) -> str:
    """The verifier key of a witness, of type 0x04."""
    return notes.vkey(name, public_key, type=TYPE_ED25519)


def verifier(vkey: str) -> notes.Verifier:
    """The verifier in a vkey: plain notes (0x01), or cosignatures with Ed25519 (0x04) or ML-DSA-44 (0x06)."""
    found = notes.parse_vkey(vkey)
    if found.type == notes.TYPE_ED25519:
        return found
    if found.type == TYPE_ED25519:
        return CosignatureVerifier(found.name, ed25519.check_public_key(found.public_key))
    if found.type == mldsa.TYPE_MLDSA44:
        return mldsa.verifier_of(found)
    raise VerificationError(f"The verifier key of {found.name} is of type {found.type:#04x}, which is not known here.")


def timestamp_of(signature: bytes) -> int:
    """The POSIX second in a timestamped signature (without its key id), NOT checked."""
    if len(signature) - _TIMESTAMP_BYTES not in (ed25519.SIGNATURE_BYTES, mldsa.SIGNATURE_BYTES):
        raise VerificationError("A cosignature has 8 bytes of time and 64 (or, with ML-DSA-44, 2,420) of signature.")
    timestamp = int.from_bytes(signature[:_TIMESTAMP_BYTES], "big")
    if timestamp > MAX_TIMESTAMP:
        raise VerificationError("The time of a cosignature is beyond 2^63-1 seconds.")
    return timestamp


def cosignatures(note: notes.VerifiedNote, verifiers: Sequence[notes.Verifier]) -> list[Cosignature]:
    """Which of `verifiers` cosigned a note that `notes.open_note` verified with them, and when."""
    known = {(v.name, v.key_id) for v in verifiers}
    return [
        Cosignature(found.name, timestamp_of(found.signature))
        for found in note.signatures
        if (found.name, found.key_id) in known
    ]
