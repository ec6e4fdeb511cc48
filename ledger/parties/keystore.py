"""Private keys of parties, of the log and of devices, behind one interface.

The default keeps one file a key, sealed by a key-encryption key (KEK) that comes from outside. PKCS#11 tokens and key
services fit behind the same interface: they sign without showing the key, and answer `secret` with a refusal.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import quote, unquote

from ledger.crypto import sealing
from ledger.crypto.ed25519 import SEED_BYTES, InMemorySigner, Signer

_MAGIC = b"needlepoint-key\x00"
_VERSION = 1
_SUFFIX = ".key"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@-]{0,99}")


class KeystoreError(Exception):
    """A key could not be had, and why."""


class KeyNotFound(KeystoreError):
    """There is no key of that name."""


class WrongKeyEncryptionKey(KeystoreError):
    """The keys were sealed under another key-encryption key than the one in the settings."""


class CorruptKeyFile(KeystoreError):
    """A key file is damaged, or another key's file was put in its place."""


class KeyInPlace(KeystoreError):
    """Another key has that name."""


class SecretStaysInside(KeystoreError):
    """The keystore shows no private key and takes none: it signs with it."""


@runtime_checkable
class Keystore(Protocol):
    """Where private keys live. A name is for one purpose: never sign and decrypt with the same one."""

    def create(self, name: str) -> Signer:
        """The key of that name, made now unless it exists already; safe when many processes do so at once."""

    def signer(self, name: str) -> Signer:
        """The signer of that name, or `KeyNotFound`."""

    def secret(self, name: str) -> bytes:
        """The 32 secret bytes of that name (a seed for HPKE or a device), or `KeyNotFound`."""

    def restore(self, name: str, seed: bytes) -> Signer:
        """Put a key back that was lost; another key of that name is never replaced (`KeyInPlace`)."""

    def names(self) -> list[str]:
        """The names of all keys, sorted."""

    def remove(self, name: str) -> None:
        """Destroy a key that nothing needs any more; none of that name is no harm."""

    def sealed_otherwise(self) -> list[str]:
        """The names of keys that are still sealed under the key-encryption key before this one."""

    def seal_anew(self, name: str) -> None:
        """Seal a key under the present key-encryption key."""


class SealedFileKeystore:
    """One file a key, mode 0600, AES-256-GCM under a key derived from the KEK, bound to its name and format version."""

    def __init__(self, directory: Path, kek: bytes, old_kek: bytes = b"") -> None:
        if len(kek) != sealing.KEY_BYTES:
            raise ValueError(f"A key-encryption key has {sealing.KEY_BYTES} bytes, not {len(kek)}.")
        self._directory = Path(directory)
        self._key = sealing.derive(kek, "needlepoint/keystore/v1")
        self._old_key = sealing.derive(old_kek, "needlepoint/keystore/v1") if old_kek else None
        self._signers: dict[str, InMemorySigner] = {}

    def create(self, name: str) -> Signer:
        path = self._path(name)
        if not path.exists():
            self._write(path, sealing.seal(self._key, secrets.token_bytes(SEED_BYTES), _aad(name)))
        return self.signer(name)

    def signer(self, name: str) -> Signer:
        if name not in self._signers:
            self._signers[name] = InMemorySigner(self.secret(name))
        return self._signers[name]

    def secret(self, name: str) -> bytes:
        path = self._path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise KeyNotFound(f"There is no key named {name!r} in {self._directory}.") from None
        if not data.startswith(_MAGIC):
            raise CorruptKeyFile(f"{path} is not a key file.")
        try:
            seed = sealing.unseal(self._key_of(data[len(_MAGIC) :]), data[len(_MAGIC) :], _aad(name))
        except sealing.WrongKey:
            raise WrongKeyEncryptionKey(
                f"The key {name!r} was sealed under another key-encryption key. Restore the one that belongs to "
                f"{self._directory}, or its key files."
            ) from None
        except sealing.UnsealError as error:
            raise CorruptKeyFile(f"{path} is damaged or belongs to another key. Restore it from a backup.") from error
        if len(seed) != SEED_BYTES:
            raise CorruptKeyFile(f"{path} holds {len(seed)} bytes where a key has {SEED_BYTES}.")
        return seed

    def restore(self, name: str, seed: bytes) -> Signer:
        path = self._path(name)
        if not path.exists():
            self._write(path, sealing.seal(self._key, seed, _aad(name)))
        self._signers.pop(name, None)
        if self.secret(name) != seed:
            raise KeyInPlace(f"{path} holds another key. Look at it before you put it aside and try again.")
        return self.signer(name)

    def names(self) -> list[str]:
        return sorted(unquote(path.name.removesuffix(_SUFFIX)) for path in self._directory.glob(f"[!.]*{_SUFFIX}"))

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)
        self._signers.pop(name, None)
        if self._directory.exists():
            _sync_directory(self._directory)

    def sealed_otherwise(self) -> list[str]:
        present = sealing.key_id(self._key)
        return [
            name for name in self.names() if sealing.key_id_of(self._path(name).read_bytes()[len(_MAGIC) :]) != present
        ]

    def seal_anew(self, name: str) -> None:
        sealed = sealing.seal(self._key, self.secret(name), _aad(name))
        with _temporary_file(self._directory) as (temporary, descriptor):
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + sealed)
                file.flush()
                os.fsync(file.fileno())
            # The same key in another seal: whoever reads finds the one or the other, whole.
            os.replace(temporary, self._path(name))
        _sync_directory(self._directory)

    def _key_of(self, sealed: bytes) -> bytes:
        if self._old_key is not None and sealing.key_id_of(sealed) == sealing.key_id(self._old_key):
            return self._old_key
        return self._key

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._directory / (quote(name, safe="") + _SUFFIX)

    def _write(self, path: Path, sealed: bytes) -> None:
        """Put the whole file in place at once; if another process was first, its key stands."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _temporary_file(self._directory) as (temporary, descriptor):
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + sealed)
                file.flush()
                os.fsync(file.fileno())
            try:
                # Unlike rename, link never replaces a key that is already there.
                os.link(temporary, path)
            except FileExistsError:
                return
        _sync_directory(self._directory)


def check_name(name: str) -> None:
    """Raise KeystoreError unless this can name a key."""
    if not _NAME.fullmatch(name):
        raise KeystoreError(
            f"{name!r} cannot name a key: letters, digits and space . _ : / @ - are allowed, 100 at most, "
            "a letter or digit first."
        )


def keystore() -> Keystore:
    """The keystore of the settings, one a process for each set of values: sealed files, or a PKCS#11 token."""
    from django.conf import settings

    files = _opened(Path(settings.KEY_DIR), bytes(settings.KEY_ENCRYPTION_KEY), bytes(settings.KEY_ENCRYPTION_KEY_OLD))
    if settings.KEYSTORE == "file":
        return files
    return _token(Path(settings.PKCS11_MODULE), settings.PKCS11_TOKEN, settings.PKCS11_PIN, files)


@lru_cache(maxsize=4)
def _token(module: Path, token: str, pin: str, files: SealedFileKeystore) -> Keystore:
    # Here, since the one knows the other: a token keeps what has to be read in the sealed files.
    from ledger.parties.pkcs11_keystore import TokenKeystore

    return TokenKeystore(module=module, token=token, pin=pin, files=files)


@lru_cache(maxsize=16)
def _opened(directory: Path, kek: bytes, old_kek: bytes) -> SealedFileKeystore:
    return SealedFileKeystore(directory, kek, old_kek)


def _aad(name: str) -> bytes:
    return sealing.associated_data("needlepoint/keystore", _VERSION, name)


@contextmanager
def _temporary_file(directory: Path) -> Iterator[tuple[Path, int]]:
    path = directory / f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield path, descriptor
    finally:
        path.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
