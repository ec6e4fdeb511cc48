"""What people sign with: a passkey, or a key that password and authenticator code release (21 CFR 11.200, 11.300).

A passkey signs in the browser, so its act is made twice: once to be shown (`PasskeyAsked`), undone, and once more with
the answer (`PasskeyAnswered`). A software key is sealed under the person's password, the secret of their authenticator
app and the installation's key-encryption key together: the first signing of a session takes password and code; while
the session goes on, the password alone releases what was sealed anew for this session then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings
from django.http import HttpRequest

from ledger.crypto import hand_keys, randomness, sealing
from ledger.crypto.ed25519 import InMemorySigner
from ledger.crypto.errors import VerificationError
from ledger.crypto.hand_keys import Assertion, HandKey
from ledger.errors import BadInput, Conflict
from ledger.log.entries import HandProof
from ledger.parties import acts
from ledger.parties import hands as bound
from portal.accounts.models import PreparedAct, SigningKey, User

PURPOSE, SESSION_PURPOSE = b"needlepoint/hand/v1", b"needlepoint/hand-session/v1"
RELEASED_KEY = "signing_released"
PREPARED_SECONDS = 300
"""How long a passkey's answer may take."""


class PasskeyRefused(BadInput):
    """What the passkey gave is not its owner's signature for this."""


class ActChanged(Conflict):
    """What would be recorded now is not what was signed."""


class SignedBefore(Conflict):
    """The signature was used for a record already, or was waited for too long."""


class PasskeyCopied(Conflict):
    """A passkey's counter went backwards: somebody may have a copy of it (Web Authentication, §6.1.1)."""


class KeyNotReleased(BadInput):
    """The password does not release the signing key."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey that a person may sign with here."""

    row: SigningKey
    key: HandKey

    @property
    def credential_id(self) -> str:
        return self.row.credential_id


@dataclass(frozen=True, slots=True)
class Ways:
    """What a person may sign with for a party, on this address."""

    passkeys: tuple[Passkey, ...] = ()
    software: SigningKey | None = None
    is_bound: bool = False
    """Whether the ledger has a key of theirs, here or not."""


def host_of(request: HttpRequest) -> str:
    """The relying party of passkeys: the host's name without its port, as allauth has it."""
    return request.get_host().partition(":")[0].lower()


def ways_of(*, user: UUID, party: UUID, host: str) -> Ways:
    """What this person signs with: keys in force on the ledger, as far as they can be used here."""
    held = {row.key_id: hand_keys.parse(row.key) for row in bound.keys_of(party=party, person=user)}
    if not held:
        return Ways()
    rows = list(SigningKey.objects.filter(user_id=user, party_id=party, key_id__in=held))
    passkeys = tuple(
        Passkey(row, held[row.key_id])
        for row in rows
        if held[row.key_id].kind == hand_keys.PASSKEY and held[row.key_id].relying_party == host
    )
    software = next((row for row in rows if held[row.key_id].kind == hand_keys.SOFTWARE and row.sealed), None)
    return Ways(passkeys, software, True)


@dataclass(slots=True)
class PasskeyAsked:
    """Takes the acts that a passkey is to sign. What is written with it has to be undone."""

    passkeys: tuple[Passkey, ...]
    acts: list[str] = field(default_factory=list)

    @property
    def key_id(self) -> str:
        return self.passkeys[0].key.key_id

    def sign(self, act: bytes, *, nonce: str) -> HandProof:
        digest = acts.digest_of(act)
        self.acts.append(digest)
        return HandProof(self.key_id, nonce, (digest,), b"\x00")

    def options(self) -> dict[str, Any]:
        """What the browser asks the passkey with (Web Authentication, §5.5)."""
        return {
            "challenge": _text(acts.challenge_of(self.acts)),
            "rpId": self.passkeys[0].key.relying_party,
            "userVerification": "required",
            "timeout": PREPARED_SECONDS * 1000,
            "allowCredentials": [{"type": "public-key", "id": one.credential_id} for one in self.passkeys],
        }


@dataclass(slots=True)
class PasskeyAnswered:
    """A passkey's answer, good for exactly the acts that it was asked for, once."""

    passkey: Passkey
    acts: tuple[str, ...]
    assertion: Assertion
    at: datetime
    _used: bool = False

    @property
    def key_id(self) -> str:
        return self.passkey.key.key_id

    def sign(self, act: bytes, *, nonce: str) -> HandProof:
        if acts.digest_of(act) not in self.acts:
            raise ActChanged(
                "What would be recorded is no longer what you signed: something changed meanwhile. Nothing was "
                "recorded; look at the page and sign again."
            )
        self._use()
        return HandProof(
            self.key_id,
            nonce,
            self.acts,
            self.assertion.signature,
            self.assertion.authenticator_data,
            self.assertion.client_data,
        )

    def _use(self) -> None:
        """In the record's transaction the counter moves on, once for all records of one press.

        That an answer is good once needs no note here: the act holds the form's idempotency key, which is on the ledger
        once, and its chain.
        """
        counted = self.assertion.sign_count
        rows = SigningKey.objects.select_for_update().filter(pk=self.passkey.row.pk)
        row = rows.get()
        if self._used and row.sign_count == counted:
            return
        self._used = True
        if (counted or row.sign_count) and counted <= row.sign_count:
            raise PasskeyCopied(
                "This passkey’s counter went backwards, so somebody may have a copy of it. Nothing was recorded. Sign "
                "with another one, and ask your administrator to end this one."
            )
        rows.update(sign_count=counted, last_used_at=self.at)


def answered(
    *, prepared: PreparedAct, position: int, ways: Ways, answer: Mapping[str, Any], request: HttpRequest
) -> PasskeyAnswered:
    """The passkey's answer to a prepared act. Raises PasskeyRefused."""
    passkey, assertion = _read(ways.passkeys, answer)
    digests = tuple(prepared.acts.get(str(position), ()))
    if not digests:
        raise PasskeyRefused("This passkey was not asked. Reload the page and sign again.")
    check(passkey.key, digests, assertion, request)
    return PasskeyAnswered(passkey, digests, assertion, prepared.at)


def check(key: HandKey, digests: tuple[str, ...], assertion: Assertion, request: HttpRequest) -> None:
    """That the passkey signed these acts, on this very site. Raises PasskeyRefused."""
    proof = HandProof(key.key_id, "", digests, assertion.signature, assertion.authenticator_data, assertion.client_data)
    try:
        acts.check_proof(key, proof)
    except VerificationError as problem:
        raise PasskeyRefused(f"{problem} Nothing was recorded; sign again.") from problem
    origin = f'"origin":"{request.scheme}://{request.get_host()}"'.encode()
    if origin not in assertion.client_data.replace(b'": "', b'":"'):
        raise PasskeyRefused("The passkey was asked by another address than this. Nothing was recorded.")


def _read(passkeys: tuple[Passkey, ...], answer: Mapping[str, Any]) -> tuple[Passkey, Assertion]:
    try:
        given = answer["response"]
        assertion = Assertion(
            _bytes(given["authenticatorData"]), _bytes(given["clientDataJSON"]), _bytes(given["signature"])
        )
        passkey = next(one for one in passkeys if _bytes(one.credential_id) == _bytes(answer["id"]))
    except (KeyError, TypeError, ValueError):
        raise PasskeyRefused("The passkey's answer cannot be read. Nothing was recorded; sign again.") from None
    except StopIteration:
        raise PasskeyRefused("This passkey is not one that you sign with. Use the one that you set up.") from None
    return passkey, assertion


def prepare(
    *,
    user: User,
    path: str,
    seed: bytes,
    asked: Mapping[int, PasskeyAsked],
    codes: Mapping[str, str],
    at: datetime,
) -> dict[str, Any]:
    """Keep an act that passkeys are asked for; what the browser needs to ask them."""
    PreparedAct.objects.filter(at__lt=datetime.fromtimestamp(at.timestamp() - PREPARED_SECONDS, at.tzinfo)).delete()
    row = PreparedAct.objects.create(
        user=user,
        path=path[:300],
        seed=sealing.seal(_kept_key(), seed, _prepared_aad(user)),
        acts={str(position): one.acts for position, one in asked.items()} | {"codes": dict(codes)},
        at=at,
    )
    return {"prepared": str(row.pk), "ask": {str(position): one.options() for position, one in asked.items()}}


def find_prepared(*, identifier: object, user: User, path: str, at: datetime) -> tuple[PreparedAct, bytes]:
    """A prepared act of this person and page, with its seed. Raises SignedBefore when it is spent or too old."""
    try:
        row = PreparedAct.objects.filter(pk=UUID(str(identifier)), user=user, path=path[:300]).first()
    except ValueError:
        row = None
    if row is None or (at - row.at).total_seconds() > PREPARED_SECONDS:
        raise SignedBefore("This signature was used before, or came too late. Look at the page and sign again.")
    return row, sealing.unseal(_kept_key(), bytes(row.seed), _prepared_aad(user))


def sweep(*, at: datetime) -> int:
    """Remove prepared acts that nobody answered: with their seeds the salts of what was never recorded."""
    old = datetime.fromtimestamp(at.timestamp() - 2 * PREPARED_SECONDS, at.tzinfo)
    return PreparedAct.objects.filter(at__lt=old).delete()[0]


@dataclass(frozen=True, slots=True)
class SoftwareHand:
    """A released signing key, in memory for this request."""

    signer: InMemorySigner = field(repr=False)

    @property
    def key(self) -> HandKey:
        public = ed25519.Ed25519PublicKey.from_public_bytes(self.signer.public_key)
        return hand_keys.of_public_key(hand_keys.SOFTWARE, "", public)

    @property
    def key_id(self) -> str:
        return self.key.key_id

    def sign(self, act: bytes, *, nonce: str) -> HandProof:
        digests = (acts.digest_of(act),)
        return HandProof(self.key_id, nonce, digests, self.signer.sign(acts.challenge_of(digests)))


def seal_key(seed: bytes, *, user: User, password: str, app: Authenticator) -> tuple[bytes, bytes]:
    """A software key sealed under password, authenticator's secret and key-encryption key; its salt, and it."""
    salt = sealing.fresh_key()
    return salt, sealing.seal(_both(password, salt, app), seed, _hand_aad(user))


def release_with_both(row: SigningKey, *, user: User, password: str, app: Authenticator) -> SoftwareHand:
    """The key, for who showed password and code. Raises KeyNotReleased."""
    assert row.salt is not None
    assert row.sealed is not None
    try:
        seed = sealing.unseal(_both(password, bytes(row.salt), app), bytes(row.sealed), _hand_aad(user))
    except sealing.UnsealError:
        raise KeyNotReleased(
            "Your password or your authenticator app was changed after you set up your signing key. Ask your "
            "administrator to end the old key, then set up a new one."
        ) from None
    return SoftwareHand(InMemorySigner(seed))


def keep_released(request: HttpRequest, row: SigningKey, hand: SoftwareHand, *, user: User, password: str) -> None:
    """Seal a released key anew for this session, so that the password alone releases it while the session goes on."""
    assert row.salt is not None
    sealed = sealing.seal(_session(request, password, bytes(row.salt)), hand.signer.seed, _hand_aad(user))
    request.session[RELEASED_KEY] = {row.key_id: base64.b64encode(sealed).decode("ascii")}


def is_released(request: HttpRequest, row: SigningKey) -> bool:
    """Whether this session showed both components for the key before."""
    return row.key_id in request.session.get(RELEASED_KEY, {})


def release_again(request: HttpRequest, row: SigningKey, *, user: User, password: str) -> SoftwareHand:
    """The key, for who shows the password in a session in which both were shown. Raises KeyNotReleased."""
    assert row.salt is not None
    try:
        sealed = base64.b64decode(request.session[RELEASED_KEY][row.key_id])
        seed = sealing.unseal(_session(request, password, bytes(row.salt)), sealed, _hand_aad(user))
    except (KeyError, sealing.UnsealError):
        raise KeyNotReleased("That is not your password. Nothing was recorded; enter it again.") from None
    return SoftwareHand(InMemorySigner(seed))


def key_of_authenticator(authenticator: Authenticator, host: str) -> tuple[HandKey, str, int]:
    """The public key of a passkey that was registered for signing in, its credential id, and its counter.

    Raises VerificationError for one that cannot sign records.
    """
    data = authenticator.wrap().authenticator_data
    credential = data.credential_data
    if credential is None:
        raise VerificationError("This passkey shows no public key.")
    key = hand_keys.of_public_key(hand_keys.PASSKEY, host, _from_cose(credential.public_key))
    return key, _text(credential.credential_id), int(data.counter)


def _from_cose(cose: Mapping[int, Any]) -> Any:
    """RFC 9053, §7: EC2 (2), OKP (1) and RSA (RFC 8230, 3) keys as `cryptography` has them."""
    kind = cose.get(1)
    if kind == 2 and cose.get(-1) == 1:
        x, y = (int.from_bytes(cose[label], "big") for label in (-2, -3))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    if kind == 1 and cose.get(-1) == 6:
        return ed25519.Ed25519PublicKey.from_public_bytes(cose[-2])
    if kind == 3:
        n, e = (int.from_bytes(cose[label], "big") for label in (-1, -2))
        return rsa.RSAPublicNumbers(e, n).public_key()
    raise VerificationError("This kind of passkey cannot sign records. Use another one.")


def fresh_seed() -> bytes:
    """A seed for `randomness.drawn_from`."""
    return sealing.fresh_key()[: randomness.SEED_BYTES]


def _both(password: str, salt: bytes, app: Authenticator) -> bytes:
    secret = decrypt(app.data["secret"]).encode()
    return _bind(PURPOSE, password, salt, hashlib.sha256(secret).digest())


def _session(request: HttpRequest, password: str, salt: bytes) -> bytes:
    if not request.session.session_key:
        request.session.save()
    return _bind(SESSION_PURPOSE, password, salt, str(request.session.session_key).encode())


def _bind(purpose: bytes, password: str, salt: bytes, more: bytes) -> bytes:
    """A sealing key that takes the password (RFC 7914, scrypt), another component, and the installation's key."""
    stretched = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return hmac.new(sealing.derive(settings.KEY_ENCRYPTION_KEY, purpose), stretched + more, hashlib.sha256).digest()


def _kept_key() -> bytes:
    return sealing.derive(settings.KEY_ENCRYPTION_KEY, b"needlepoint/prepared-act/v1")


def _prepared_aad(user: User) -> bytes:
    return sealing.associated_data("portal.PreparedAct", str(user.pk), 1)


def _hand_aad(user: User) -> bytes:
    return sealing.associated_data("portal.SigningKey", str(user.pk), 1)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
