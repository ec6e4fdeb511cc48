"""Who signed with a key of their own in an evidence bundle, checked with `cryptography` and nothing of ours.

    python hand_signatures.py BUNDLE.zip

Prints a line for each signature that holds, and ends with 1 at the first that does not. It follows
docs/reference/ledger-formats.md alone: the keys from the records that bind them, the act from the record's payload, the
challenge from the acts, and the signature over it (Web Authentication Level 3, §7.2; Ed25519, RFC 8032).
"""

import base64
import hashlib
import json
import sys
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).digest()


def without_hand(signature):
    return {name: value for name, value in signature.items() if name != "hand"} if signature else None


def act_of(record, position, nonce):
    kept = ("chain", "chain_kind", "subject", "type", "key", "occurred_at", "recorded_at", "body")
    return canonical(
        {name: record[name] for name in kept}
        | {
            "purpose": "needlepoint/act/v1",
            "by": position,
            "nonce": nonce,
            "signer": without_hand(record["signer"]),
            "second": without_hand(record["second"]),
        }
    )


def check_signature(algorithm, der, message, signature):
    key = load_der_public_key(der)
    if algorithm == "ES256":
        key.verify(signature, message, ECDSA(SHA256()))
    elif algorithm == "EdDSA":
        key.verify(signature, message)
    elif algorithm == "RS256":
        key.verify(signature, message, PKCS1v15(), SHA256())
    else:
        raise ValueError(f"unknown algorithm {algorithm}")


def check(record, position, signature, keys):
    hand = signature["hand"]
    kind, algorithm, relying_party, der = keys[signature["party"], signature["person"], hand["key"]]
    if sha256(act_of(record, position, hand["nonce"])).hex() not in hand["acts"]:
        raise ValueError("the person signed something else")
    challenge = sha256(canonical({"purpose": "needlepoint/acts/v1", "acts": hand["acts"]}))
    given = base64.b64decode(hand["sig"])
    if kind == "key":
        return check_signature(algorithm, der, challenge, given)
    authenticator, client = base64.b64decode(hand["authenticator"]), base64.b64decode(hand["client"])
    said = json.loads(client)
    if said["type"] != "webauthn.get" or said["challenge"] != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode():
        raise ValueError("the passkey was asked for something else")
    if authenticator[:32] != sha256(relying_party.encode()) or authenticator[32] & 0x05 != 0x05:
        raise ValueError("the passkey signed elsewhere, or without the person")
    return check_signature(algorithm, der, authenticator + sha256(client), given)


def main(path):
    keys = {}
    with zipfile.ZipFile(path) as bundle:
        names = sorted(name for name in bundle.namelist() if name.endswith(".dsse"))
        records = [json.loads(base64.b64decode(json.loads(bundle.read(name))["payload"])) for name in names]
    for record in records:
        if record["type"] == "ledger.person.key_bound/v1":
            kind, algorithm, relying_party, digits = record["body"]["key"].split("|")
            der = bytes.fromhex(digits)
            key_id = hashlib.sha256(b"needlepoint/hand-keyid/v1\x00" + der).hexdigest()[:16]
            keys[record["signer"]["party"], record["signer"]["person"], key_id] = kind, algorithm, relying_party, der
    for record in records:
        for position, name in ((1, "signer"), (2, "second")):
            signature = record[name]
            if not signature or "hand" not in signature:
                continue
            where = f"{record['type']} {record['body'].get('step', '')} {name}"
            try:
                check(record, position, signature, keys)
            except (InvalidSignature, KeyError, ValueError) as problem:
                print(f"{where}: {problem!r}")
                return 1
            print(f"{where}: {signature['method']} {signature['hand']['key']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
