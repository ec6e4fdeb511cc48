"""Signed envelopes: DSSE v1 (github.com/secure-systems-lab/dsse, envelope.md and protocol.md).

What is signed is the pre-authentication encoding of payload and payload type. Narrower than DSSE on purpose, because
the envelope's bytes are hashed into the log: the envelope is canonical JSON, base64 has one spelling, one key signs
once, and a signature under a known key that does not fit refuses the whole envelope. Signatures of unknown keys count
for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.crypto import base64s, canonical, ed25519
from ledger.crypto.ed25519 import PublicKeyBytes, Signer
from ledger.crypto.errors import VerificationError

PAYLOAD_TYPE = "application/vnd.needlepoint.record+json"
MAX_SIGNATURES = 16

# The envelope with one signature, as `sign` writes it: what has this form is canonical JSON, because no character in it
# needs an escape and its names are in order. Anything else is read, and judged, as JSON.
_BEFORE, _BETWEEN = b'{"payload":"', b'","payloadType":"%s","signatures":[{"keyid":"' % PAYLOAD_TYPE.encode()
_REST = re.compile(re.escape(_BETWEEN) + rb'([0-9a-f]{16})","sig":"([A-Za-z0-9+/=]{88})"\}\]\}')
_REST_BYTES = len(_BETWEEN) + 16 + len(b'","sig":"') + 88 + len(b'"}]}')
_LEAST_BYTES = len(_BEFORE) + _REST_BYTES


class Verified(NamedTuple):
    """A payload whose signatures were checked, and the key ids of those that hold, in the envelope's order."""

    payload: bytes
    keyids: tuple[str, ...]


class _Signature(NamedTuple):
    keyid: str
    signature: bytes


class _Envelope(NamedTuple):
    payload_type: str
    payload: bytes
    signatures: tuple[_Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding (DSSE protocol.md): lengths are decimal byte counts."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, *, signers: Sequence[Signer], payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The envelope of `payload`, signed by each of `signers`, as canonical JSON of at most 65,535 bytes."""
    if not signers:
        raise ValueError("An envelope needs at least one signer.")
    if len({signer.keyid for signer in signers}) != len(signers):
        raise ValueError("One key signs an envelope once.")
    message = pae(payload_type, payload)
    envelope = canonical.encode(
        {
            "payload": base64s.encode(payload),
            "payloadType": payload_type,
            "signatures": [{"keyid": s.keyid, "sig": base64s.encode(s.sign(message))} for s in signers],
        }
    )
    if len(envelope) > canonical.MAX_BYTES:
        raise canonical.CanonicalError(
            f"The signed record has {len(envelope)} bytes; at most {canonical.MAX_BYTES} fit. "
            "Put attachments beside the ledger and their digests into the record."
        )
    return envelope


def verify(envelope: bytes, *, keys: Mapping[str, PublicKeyBytes], payload_type: str = PAYLOAD_TYPE) -> Verified:
    """The payload, if at least one of `keys` (key id → public key) signed it and no signature of theirs is wrong."""
    opened = _open(envelope)
    if opened.payload_type != payload_type:
        raise VerificationError(f"The payload type is {opened.payload_type!r}, not {payload_type!r}.")
    message = pae(opened.payload_type, opened.payload)
    good = []
    for found in opened.signatures:
        public_key = keys.get(found.keyid)
        if public_key is None:
            continue
        ed25519.verify(public_key, message, found.signature)
        good.append(found.keyid)
    if not good:
        raise VerificationError("No signature of this envelope is by a known key.")
    return Verified(opened.payload, tuple(good))


def payload_of(envelope: bytes) -> bytes:
    """The payload as it stands, its signatures NOT checked; only the envelope's form is."""
    return _open(envelope).payload


def keyids_of(envelope: bytes) -> tuple[str, ...]:
    """The key ids that the envelope claims, NOT checked: a hint which keys to look up."""
    return tuple(found.keyid for found in _open(envelope).signatures)


@lru_cache(maxsize=128)
def _open(envelope: bytes) -> _Envelope:
    # Who verifies reads first what is in it and who claims to have signed: what was just opened is opened once.
    return _open_plain(envelope) or _open_json(envelope)


def _open_plain(envelope: bytes) -> _Envelope | None:
    found = _REST.fullmatch(envelope, len(envelope) - _REST_BYTES)
    if found is None or not envelope.startswith(_BEFORE) or not _LEAST_BYTES <= len(envelope) <= canonical.MAX_BYTES:
        return None
    try:
        only = _Signature(found[1].decode("ascii"), base64s.decode(found[2], what="envelope's signature"))
        payload = base64s.decode(envelope[len(_BEFORE) : -_REST_BYTES], what="envelope's payload")
        return _Envelope(PAYLOAD_TYPE, payload, (only,))
    except VerificationError:
        return None


def _open_json(envelope: bytes) -> _Envelope:
    fields = canonical.decode(envelope)
    _expect_fields(fields, {"payload", "payloadType", "signatures"}, what="envelope")
    payload_type, signatures = fields["payloadType"], fields["signatures"]
    if not isinstance(payload_type, str) or not isinstance(fields["payload"], str):
        raise VerificationError("The envelope's payload and payloadType have to be strings.")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise VerificationError(f"An envelope has from 1 to {MAX_SIGNATURES} signatures.")
    found = tuple(_signature(item) for item in signatures)
    if len({item.keyid for item in found}) != len(found):
        raise VerificationError("One key signed this envelope twice.")
    return _Envelope(payload_type, base64s.decode(fields["payload"], what="envelope's payload"), found)


def _signature(item: Any) -> _Signature:
    if not isinstance(item, dict):
        raise VerificationError("A signature of the envelope is not an object.")
    _expect_fields(item, {"keyid", "sig"}, what="signature")
    if not isinstance(item["keyid"], str) or not isinstance(item["sig"], str):
        raise VerificationError("A signature's keyid and sig have to be strings.")
    return _Signature(item["keyid"], base64s.decode(item["sig"], what="envelope's signature"))


def _expect_fields(found: Mapping[str, Any], expected: set[str], *, what: str) -> None:
    if set(found) != expected:
        raise VerificationError(f"The {what} has the fields {sorted(found)}, not {sorted(expected)}.")
