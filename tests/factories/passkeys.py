"""A passkey in software, for tests without a browser: it signs what it is asked, and counts."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.utils import timezone

from ledger.crypto import hand_keys
from ledger.crypto.hand_keys import Assertion
from ledger.log.entries import HandProof
from ledger.parties import acts, person_operations
from ledger.parties.actor import Actor
from portal.accounts.models import SigningKey, User

HOST = "testserver"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """`count` is the counter; None for a passkey that does not count."""

    host: str = HOST
    origin: str = f"http://{HOST}"
    count: int | None = 1
    flags: int = 0x05
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def key(self) -> hand_keys.HandKey:
        return hand_keys.of_public_key(hand_keys.PASSKEY, self.host, self.private.public_key())

    @property
    def credential_id(self) -> str:
        return b64(hashlib.sha256(self.key.public_key).digest())

    def answer(self, challenge: bytes, *, type: str = "webauthn.get") -> dict[str, Any]:
        if self.count is not None:
            self.count += 1
        data = hashlib.sha256(self.host.encode()).digest() + bytes([self.flags]) + (self.count or 0).to_bytes(4, "big")
        client = json.dumps(
            {"type": type, "challenge": b64(challenge), "origin": self.origin, "crossOrigin": False},
            separators=(",", ":"),
        ).encode()
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": self.credential_id,
            "response": {
                "authenticatorData": b64(data),
                "clientDataJSON": b64(client),
                "signature": b64(signature),
            },
        }

    def asked(self, options: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.answer(unb64(options["challenge"]), **more)

    def bind_to(self, actor: Actor) -> SigningKey:
        """Make it the signature of this person, as the portal does."""
        row = SigningKey.objects.create(
            user=User.objects.get(pk=actor.person),
            party_id=actor.party,
            key_id=self.key.key_id,
            credential_id=self.credential_id,
            created_at=timezone.now(),
        )
        hand = Held(self)
        by = _with(actor, hand)
        person_operations.bind_key(public_key=self.key.text, by=by, at=timezone.now(), key=f"bind-{self.key.key_id}")
        return row


@dataclass
class Held:
    """A passkey in hand, without the portal between: for operations."""

    passkey: Passkey

    @property
    def key_id(self) -> str:
        return self.passkey.key.key_id

    def sign(self, act: bytes, *, nonce: str) -> Any:
        digests = (acts.digest_of(act),)
        given = self.passkey.answer(acts.challenge_of(digests))["response"]
        assertion = Assertion(
            unb64(given["authenticatorData"]), unb64(given["clientDataJSON"]), unb64(given["signature"])
        )
        return HandProof(
            self.key_id, nonce, digests, assertion.signature, assertion.authenticator_data, assertion.client_data
        )


def _with(actor: Actor, hand: Any) -> Actor:
    return replace(actor, method="passkey", hand=hand)


def holding(actor: Actor, passkey: Passkey) -> Actor:
    """The actor with this passkey in hand."""
    return _with(actor, Held(passkey))


def sent_with(client: Client, url: str, fields: dict[str, Any], *passkeys: tuple[int, Passkey]) -> Any:
    """Send a form as the page's script does: shown to the passkeys first, then with their answers."""
    shown = client.post(url, fields, headers={"X-Needlepoint-Sign": "prepare"})
    if not shown["content-type"].startswith("application/json"):
        return shown
    asked = shown.json()
    by = dict(passkeys)
    answers = {position: by[int(position)].asked(options) for position, options in asked["ask"].items()}
    return client.post(url, fields | {"signing_proof": proof_of(asked, answers)})


def proof_of(asked: dict[str, Any], answers: dict[str, Any]) -> str:
    return json.dumps({"prepared": asked["prepared"], "answers": answers})
