"""What is sealed to the receiver of a disclosure: the values with salts and paths, in canonical JSON, by HPKE.

Bound to the disclosure and the receiver, so that a package moved to another row opens nothing. The ledger has the
SHA-256 of the plain bytes with a random member in them, which tells nothing of the values.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from ledger.crypto import canonical, commitments, sealing
from ledger.crypto.errors import VerificationError
from ledger.privacy import keyring
from ledger.privacy.payloads import Revealed

FORMAT = "needlepoint-disclosure/v1"


@dataclass(frozen=True, slots=True)
class Shown:
    """A disclosed field, checked against its commitment."""

    name: str
    path: str
    salt: str = field(repr=False)
    value: str = field(repr=False)
    commitment: str


def encode(disclosure: UUID, shown: Mapping[str, Revealed]) -> bytes:
    """The plain bytes of a package."""
    fields = {
        name: {"path": one.path, "salt": one.salt, "value": one.value, "commitment": one.commitment}
        for name, one in shown.items()
    }
    document = {"format": FORMAT, "disclosure": str(disclosure), "mask": secrets.token_hex(32), "fields": fields}
    return canonical.encode(document)


def digest(plain: bytes) -> str:
    """What the ledger says of a package, 64 hex digits."""
    return hashlib.sha256(b"needlepoint/disclosure/v1\x00" + plain).hexdigest()


def seal(plain: bytes, *, disclosure: UUID, party: UUID) -> tuple[int, bytes]:
    """The package for its receiver, and the version of the receiver's key."""
    version = keyring.recipient_version(party)
    public = sealing.recipient_public(keyring.recipient_secret(party, version))
    return version, sealing.wrap_key(public, plain, _binding(disclosure, party))


def open_sealed(sealed: bytes, *, disclosure: UUID, party: UUID, version: int) -> bytes:
    """The plain bytes. Raises UnsealError."""
    return sealing.unwrap_key(keyring.recipient_secret(party, version), sealed, _binding(disclosure, party))


def read(plain: bytes) -> list[Shown]:
    """The fields of a package, each checked against its own commitment. Raises VerificationError."""
    document = canonical.decode(plain)
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise VerificationError("this is no disclosure")
    found = []
    try:
        for name, one in sorted(document["fields"].items()):
            commitments.verify_commitment(
                one["commitment"], salt=bytes.fromhex(one["salt"]), path=one["path"], value=one["value"]
            )
            found.append(Shown(name, one["path"], one["salt"], one["value"], one["commitment"]))
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise VerificationError(f"the disclosure is not well formed: {type(problem).__name__}") from problem
    return found


def _binding(disclosure: UUID, party: UUID) -> bytes:
    return sealing.associated_data("needlepoint/disclosure/v1", str(disclosure), str(party))
