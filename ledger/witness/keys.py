"""A witness's keys and the lines that it signs: Ed25519, and ML-DSA-44 beside it (C2SP tlog-cosignature)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ledger.crypto import cosignature, mldsa
from ledger.crypto.ed25519 import Signer
from ledger.parties.keystore import KeyNotFound, SealedFileKeystore

ED25519 = "witness-ed25519"
MLDSA44 = "witness-mldsa44"


@dataclass(frozen=True)
class WitnessKeys:
    """The name under which a witness signs, and its two keys, which sign co-signatures and reports and nothing else."""

    name: str
    ed25519: Signer = field(repr=False)
    mldsa44: mldsa.MldsaSigner = field(repr=False)

    @property
    def vkeys(self) -> tuple[str, str]:
        """The verifier keys to hand to others, Ed25519 first."""
        return (
            cosignature.vkey(self.name, self.ed25519.public_key),
            mldsa.vkey(self.name, self.mldsa44.public_key),
        )

    def cosign(self, text: str, *, timestamp: int) -> str:
        """Two signature lines under a checkpoint's body."""
        return cosignature.cosign(text, self.name, self.ed25519, timestamp=timestamp) + mldsa.cosign(
            text, self.name, self.mldsa44, timestamp=timestamp
        )


def exist(folder: Path, kek: bytes) -> bool:
    """Whether keys of a witness lie in this folder already."""
    try:
        SealedFileKeystore(folder, kek).secret(ED25519)
    except KeyNotFound:
        return False
    return True


def opened(name: str, folder: Path, kek: bytes) -> WitnessKeys:
    """The keys of a folder, made when there are none."""
    keystore = SealedFileKeystore(folder, kek)
    signer = keystore.create(ED25519)
    keystore.create(MLDSA44)
    return WitnessKeys(name, signer, mldsa.MldsaSigner(keystore.secret(MLDSA44)))
