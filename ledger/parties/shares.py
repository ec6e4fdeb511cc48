"""A custodian's share of a party's key: one file, protected by a passphrase of the custodian's own.

    {"format", "party", "party_code", "key_id", "public_key", "set", "threshold", "count", "number", "custodian",
     "salt", "made_at", "kdf": {"n", "r", "p", "salt"}, "sealed", "checksum"}

The words (SLIP-0039) are sealed with AES-256-GCM under a key from the passphrase (scrypt, RFC 7914), bound to all that
stands beside them. The checksum tells a damaged file from a wrong passphrase. `salt` opens the commitment to the
custodian's name that stands on the ledger.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.clock import stamp
from ledger.crypto import base64s, canonical, commitments, ed25519, sealing, shamir
from ledger.crypto.errors import VerificationError

FORMAT = "needlepoint-key-share/v1"
SUFFIX = ".share"
NAME_PATH = "custodian.name"
SHORTEST_PASSPHRASE = 12
_KDF = {"n": 2**15, "r": 8, "p": 1}
_FIELDS = {
    "format", "party", "party_code", "key_id", "public_key", "set", "threshold", "count", "number", "custodian", "salt",
    "made_at", "kdf", "sealed", "checksum",
}  # fmt: skip


class ShareUnreadable(VerificationError):
    """The file is no share, or a damaged one."""


class WrongPassphrase(VerificationError):
    """The passphrase is not the one with which the share was protected."""


class NotOneSet(VerificationError):
    """Shares of different backups."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share as its file has it: whose it is, of what, and the sealed words."""

    custodian: str
    number: int
    threshold: int
    count: int
    set_id: str
    party: UUID
    party_code: str
    public_key: str
    file: Mapping[str, Any]

    @property
    def commitment(self) -> str:
        """What the ledger says of the custodian."""
        return commitments.commit(salt=bytes.fromhex(self.file["salt"]), path=NAME_PATH, value=self.custodian)


def split(
    seed: bytes,
    *,
    party: UUID,
    party_code: str,
    custodians: Sequence[tuple[str, str]],
    threshold: int,
    at: datetime,
) -> list[Share]:
    """A share for each custodian (name, passphrase). Raises ValueError for a threshold or passphrase that is none."""
    if len({name for name, _ in custodians}) != len(custodians) or not all(name.strip() for name, _ in custodians):
        raise ValueError("Each custodian has a name, and no two the same.")
    for name, passphrase in custodians:
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise ValueError(f"The passphrase of {name} is shorter than {SHORTEST_PASSPHRASE} characters.")
    public_key = ed25519.InMemorySigner(seed).public_key
    set_id = secrets.token_hex(16)
    words = shamir.split(seed, threshold=threshold, count=len(custodians))
    made = []
    for number, ((name, passphrase), share) in enumerate(zip(custodians, words, strict=True), 1):
        plain: dict[str, Any] = {
            "format": FORMAT,
            "party": str(party),
            "party_code": party_code,
            "key_id": ed25519.keyid(public_key),
            "public_key": public_key.hex(),
            "set": set_id,
            "threshold": threshold,
            "count": len(custodians),
            "number": number,
            "custodian": name,
            "salt": commitments.fresh_salt().hex(),
            "made_at": stamp(at),
            "kdf": {**_KDF, "salt": secrets.token_hex(16)},
        }
        sealed = sealing.seal(_key(passphrase, plain["kdf"]), share.encode(), canonical.encode(plain))
        made.append(_share({**plain, "sealed": base64s.encode(sealed)}))
    return made


def to_bytes(share: Share) -> bytes:
    """The file's bytes."""
    return canonical.encode({**share.file, "checksum": _checksum(share.file)}) + b"\n"


def from_bytes(data: bytes) -> Share:
    """The share in a file, its words still sealed. Raises ShareUnreadable."""
    try:
        found = canonical.decode(data.rstrip(b"\n"))
        if not isinstance(found, dict) or set(found) != _FIELDS or found["format"] != FORMAT:
            raise ShareUnreadable("This file is no share of a key.")
        if found.pop("checksum") != _checksum(found):
            raise ShareUnreadable(
                "This share is damaged: its checksum does not fit. Ask the custodian for the other copy."
            )
        return _share(found)
    except ShareUnreadable:
        raise
    except (VerificationError, KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ShareUnreadable(f"This share is damaged and cannot be read: {problem}") from problem


def recover(shares: Sequence[tuple[Share, str]]) -> bytes:
    """The seed of the key, from shares with their passphrases, proven by its public key.

    Raises NotOneSet, WrongPassphrase, ShareUnreadable and `shamir.ShareError`.
    """
    if not shares:
        raise shamir.TooFewShares("No share was given.")
    first = shares[0][0]
    for share, _ in shares:
        if (share.set_id, share.public_key) != (first.set_id, first.public_key):
            raise NotOneSet(
                f"The share of {share.custodian} is of another backup than that of {first.custodian}. Take shares of "
                "one backup."
            )
    distinct = {share.number: (share, passphrase) for share, passphrase in shares}
    if len(distinct) < first.threshold:
        raise shamir.TooFewShares(f"{first.threshold} different shares are needed, and there are {len(distinct)}.")
    seed = shamir.combine([_words(share, passphrase) for share, passphrase in distinct.values()])
    if ed25519.InMemorySigner(seed).public_key.hex() != first.public_key:
        raise ShareUnreadable("The shares give another key than the one that they name. They were changed.")
    return seed


def _words(share: Share, passphrase: str) -> str:
    plain = {name: value for name, value in share.file.items() if name != "sealed"}
    sealed = base64s.decode(share.file["sealed"], what="sealed share")
    try:
        return sealing.unseal(_key(passphrase, share.file["kdf"]), sealed, canonical.encode(plain)).decode()
    except sealing.WrongKey:
        raise WrongPassphrase(f"This is not the passphrase of {share.custodian}.") from None
    except sealing.UnsealError as problem:
        raise ShareUnreadable(f"The share of {share.custodian} is damaged, or was changed.") from problem


def _key(passphrase: str, kdf: Mapping[str, Any]) -> bytes:
    if {name: kdf.get(name) for name in _KDF} != _KDF:
        raise ShareUnreadable("The share asks for another derivation of its key than this program makes.")
    derivation = Scrypt(salt=bytes.fromhex(kdf["salt"]), length=sealing.KEY_BYTES, **_KDF)
    return derivation.derive(passphrase.encode("utf-8"))


def _checksum(file: Mapping[str, Any]) -> str:
    return hashlib.sha256(b"needlepoint/key-share/v1\x00" + canonical.encode(dict(file))).hexdigest()


def _share(file: Mapping[str, Any]) -> Share:
    numbers = [file["number"], file["threshold"], file["count"]]
    if any(type(value) is not int for value in numbers):
        raise ShareUnreadable("This share is damaged: its numbers are none.")
    return Share(
        custodian=str(file["custodian"]),
        number=file["number"],
        threshold=file["threshold"],
        count=file["count"],
        set_id=str(file["set"]),
        party=UUID(file["party"]),
        party_code=str(file["party_code"]),
        public_key=str(file["public_key"]),
        file=dict(file),
    )
