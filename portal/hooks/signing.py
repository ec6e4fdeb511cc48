"""Signing what a web hook carries: Standard Webhooks 1.0 with its asymmetric scheme, `v1a` (Ed25519).

The operator's party key signs `id.timestamp.body`; receivers check it with the public key that stands in the ledger's
register, so there is no secret to be shown, kept or lost. An id begins with `msg_`, so no such text can pass for a
record (DSSE's encoding begins with `DSSEv1`), a checkpoint or a co-signature.
"""

from __future__ import annotations

from ledger.crypto import base64s
from ledger.crypto.ed25519 import Signer

SCHEME = "v1a"


def headers(*, message: str, timestamp: int, body: bytes, signer: Signer) -> dict[str, str]:
    """The three headers of a delivery. `message` is the same for every attempt, so that a receiver knows it again."""
    if not message.startswith("msg_") or "." in message:
        raise ValueError(f"{message!r} is no id of a message")
    signature = signer.sign(signed_text(message=message, timestamp=timestamp, body=body))
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"{SCHEME},{base64s.encode(signature)}",
    }


def signed_text(*, message: str, timestamp: int, body: bytes) -> bytes:
    """What is signed."""
    return f"{message}.{timestamp}.".encode() + body
