"""Private keys in a PKCS#11 token (OASIS PKCS #11 v3.0): a hardware module, or SoftHSM for trying it out.

Ed25519 keys are made in the token and never leave it: they sign by CKM_EDDSA (§2.3.14) and are neither shown nor taken
from outside. Secrets that have to be read (HPKE recipients, seeds of devices) stay in the sealed files beside it. A key
is found by its label. Backups of such keys are made with the token's own means.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ledger.crypto import ed25519
from ledger.crypto.ed25519 import Signer
from ledger.parties.keystore import (
    KeyNotFound,
    Keystore,
    KeystoreError,
    SecretStaysInside,
    check_name,
)

_ED25519 = bytes.fromhex("06032b6570")
"""The curve's object identifier, 1.3.101.112 (RFC 8410 §3), in DER."""


class TokenUnusable(KeystoreError):
    """The module, the token or its PIN cannot be used, and why."""


@dataclass(frozen=True)
class TokenSigner:
    """A key in the token. Safe to use from many threads: the session is one, so they take turns."""

    public_key: bytes
    keyid: str
    _private: Any = field(repr=False, compare=False)
    _lock: Any = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        import pkcs11

        with self._lock, _token_errors():
            return bytes(self._private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))


class TokenKeystore:
    """Signing keys in a token, everything that has to be read in `files`."""

    def __init__(self, *, module: Path, token: str, pin: str, files: Keystore) -> None:
        self._files = files
        self._lock = threading.RLock()
        self._signers: dict[str, TokenSigner] = {}
        self._session = _session(module, token, pin)

    def create(self, name: str) -> Signer:
        check_name(name)
        if _is_read(name):
            return self._files.create(name)
        try:
            return self.signer(name)
        except KeyNotFound:
            self._make(name)
            return self.signer(name)

    def signer(self, name: str) -> Signer:
        check_name(name)
        if _is_read(name):
            return self._files.signer(name)
        with self._lock:
            if name not in self._signers:
                self._signers[name] = self._found(name)
            return self._signers[name]

    def secret(self, name: str) -> bytes:
        if not _is_read(name):
            raise SecretStaysInside(
                f"The key {name!r} is in the token and does not leave it. Back it up with the token's own means."
            )
        return self._files.secret(name)

    def restore(self, name: str, seed: bytes) -> Signer:
        raise SecretStaysInside("The token takes no key from outside. Restore it with the token's own means.")

    def names(self) -> list[str]:
        import pkcs11

        with self._lock, _token_errors():
            held = self._session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
            labels = {str(key.label) for key in held}
        return sorted(labels | set(self._files.names()))

    def remove(self, name: str) -> None:
        if not _is_read(name):
            raise SecretStaysInside("Keys in the token are removed with the token's own means.")
        self._files.remove(name)

    def sealed_otherwise(self) -> list[str]:
        return self._files.sealed_otherwise()

    def seal_anew(self, name: str) -> None:
        self._files.seal_anew(name)

    def _make(self, name: str) -> None:
        import pkcs11

        with self._lock, _token_errors():
            parameters = self._session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: _ED25519}, local=True
            )
            parameters.generate_keypair(
                mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                label=name,
                private_template={
                    pkcs11.Attribute.SENSITIVE: True,
                    pkcs11.Attribute.EXTRACTABLE: False,
                },
            )

    def _found(self, name: str) -> TokenSigner:
        import pkcs11

        with _token_errors():
            privates = self._objects(name, pkcs11.ObjectClass.PRIVATE_KEY)
            publics = self._objects(name, pkcs11.ObjectClass.PUBLIC_KEY)
            if not privates or not publics:
                raise KeyNotFound(f"There is no key named {name!r} in the token.")
            if len(privates) > 1 or len(publics) > 1:
                raise TokenUnusable(f"The token has {len(privates)} keys named {name!r}. Leave one of them.")
            # An octet string in DER (0x04, length 32) around the key's bytes; some tokens give the bytes alone.
            point = bytes(publics[0][pkcs11.Attribute.EC_POINT])[-ed25519.PUBLIC_KEY_BYTES :]
        ed25519.check_public_key(point)
        return TokenSigner(point, ed25519.keyid(point), privates[0], self._lock)

    def _objects(self, name: str, kind: Any) -> list[Any]:
        import pkcs11

        return list(self._session.get_objects({pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.LABEL: name}))


def _is_read(name: str) -> bool:
    """Whether the key of this name has to be read, and so cannot be in a token."""
    return not (name == "log" or name.startswith(("log:", "log-", "party-"))) or name.endswith("-hpke")


@cache
def _session(module: Path, token: str, pin: str) -> Any:
    """A session for the life of the process: a token is logged in to once."""
    try:
        import pkcs11
    except ImportError:
        raise TokenUnusable(
            "NEEDLEPOINT_KEYSTORE=pkcs11 needs the package python-pkcs11: pip install -r requirements-pkcs11.txt"
        ) from None
    try:
        library = pkcs11.lib(str(module))
        return library.get_token(token_label=token).open(user_pin=pin, rw=True)
    except pkcs11.NoSuchToken:
        raise TokenUnusable(f"The PKCS#11 module {module} has no token named {token!r}.") from None
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange):
        raise TokenUnusable(
            f"The PIN of the token {token!r} is wrong. Mind that tokens lock after some tries."
        ) from None
    except pkcs11.PKCS11Error as problem:
        raise TokenUnusable(f"The token {token!r} cannot be opened: {type(problem).__name__} {problem}") from problem
    except RuntimeError as problem:
        raise TokenUnusable(f"The PKCS#11 module {module} cannot be loaded: {problem}") from problem


@contextmanager
def _token_errors() -> Iterator[None]:
    import pkcs11

    try:
        yield
    except pkcs11.PKCS11Error as problem:
        raise TokenUnusable(f"The token refused: {type(problem).__name__} {problem}") from problem
