"""sigstore's Merkle and checkpoint code, and securesystemslib's DSSE, on files of ours. Reads a JSON object.

`body` and `hashes` are hexadecimal; the exit status is 0 when everything holds.
"""

import json
import sys
from types import SimpleNamespace

from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore.errors import VerificationError

given = json.load(sys.stdin)
signed = SignedCheckpoint.from_text(given["note"])


class Keyring:
    """The one key that is known, under its note key id."""

    def verify(self, *, key_id, signature, data):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(given["log_key"])).verify(signature, data)
        except InvalidSignature as problem:
            raise VerificationError("the checkpoint's signature does not hold") from problem


signed.signed_note.verify(Keyring(), bytes.fromhex(given["log_key_id"]))
proof = SimpleNamespace(
    log_index=given["index"],
    tree_size=signed.checkpoint.log_size,
    hashes=[bytes.fromhex(one) for one in given["hashes"]],
    root_hash=bytes.fromhex(signed.checkpoint.log_hash),
)
body = bytes.fromhex(given["body"])
verify_merkle_inclusion(SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=body)))

envelope = json.loads(body)
keyid = envelope["signatures"][0]["keyid"]
key = SSlibKey(keyid, "ed25519", "ed25519", {"public": given["party_key"]})
Envelope.from_dict(envelope).verify([key], 1)
print("holds")
