"""The key service: what wraps the installation's own keys, and is the only thing that can open them.

By default that is the key-encryption key (KEK) of the settings. With `NEEDLEPOINT_KEY_SERVICE` it is a service of the
shape that key management services have (AWS KMS, Google Cloud KMS, Vault Transit): it encrypts and decrypts a few bytes
under a named key with a context, and shows no key. It is asked once a process for each key, never once a patient.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from django.conf import settings

from ledger.crypto import sealing
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal

TIMEOUT_SECONDS = 5
MOST_BYTES = 65_536


class KeyServiceAway(Refusal):
    """The key service does not answer, or refuses."""

    status = 503


class KeyService(Protocol):
    """Wraps 32 secret bytes, bound to a context."""

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """The wrapped key, and the name of the key-encryption key that wraps now."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key. Raises UnsealError when it was wrapped elsewhere or otherwise, KeyServiceAway."""

    def name(self) -> str:
        """The name of the key-encryption key that wraps now."""


class SettingsKeyService:
    """The KEK of the settings; `old` is the one before it, which only opens."""

    def __init__(self, kek: bytes, old: bytes = b"") -> None:
        self._keys = [sealing.derive(one, "needlepoint/key-service/v1") for one in (kek, old) if one]

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        return self.name(), sealing.seal(self._keys[0], key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        wanted = sealing.key_id_of(wrapped)
        for one in self._keys:
            if sealing.key_id(one) == wanted:
                return sealing.unseal(one, wrapped, context)
        raise sealing.WrongKey(
            "This key was wrapped under another key-encryption key. Set NEEDLEPOINT_KEY_ENCRYPTION_KEY_OLD to it."
        )

    def name(self) -> str:
        return f"settings:{sealing.key_id(self._keys[0]).hex()}"


class HttpKeyService:
    """A key service over HTTPS: `POST <url>/encrypt` and `/decrypt` with JSON, bytes in Base64, a bearer token.

    `{"key_name", "plaintext", "context"}` gives `{"ciphertext", "key_version"}`, and
    `{"key_name", "ciphertext", "context"}` gives `{"plaintext"}`. The service rotates its key by itself; ciphertexts of
    earlier versions open until they are wrapped anew (`manage.py rotate_keys kek`).
    """

    def __init__(self, url: str, key_name: str, token: str) -> None:
        self._url, self._key_name, self._token = url.rstrip("/"), key_name, token

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        said = self._ask("encrypt", plaintext=key, context=context)
        return f"{self._key_name}:{said['key_version']}"[:80], _bytes(said["ciphertext"])

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        key = _bytes(self._ask("decrypt", ciphertext=wrapped, context=context)["plaintext"])
        if len(key) != sealing.KEY_BYTES:
            raise sealing.UnsealError("The key service answered with something that is no key.")
        return key

    def name(self) -> str:
        return f"{self._key_name}:{self._ask('describe')['key_version']}"[:80]

    def _ask(self, what: str, **parts: bytes) -> dict[str, str]:
        body = {"key_name": self._key_name} | {name: base64.b64encode(one).decode() for name, one in parts.items()}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = Request(f"{self._url}/{what}", json.dumps(body).encode(), headers, method="POST")  # noqa: S310
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  the scheme is checked by the settings
                said = json.loads(answer.read(MOST_BYTES))
        except HTTPError as refused:
            if refused.code == 400 and what == "decrypt":
                raise sealing.UnsealError("The key service does not open this key.") from None
            raise KeyServiceAway(f"The key service answered {refused.code}. Nothing was changed; try again.") from None
        except (URLError, OSError, ValueError):
            raise KeyServiceAway("The key service does not answer. Nothing was changed; try again.") from None
        if not isinstance(said, dict):
            raise KeyServiceAway("The key service answered with something that is no object.")
        return said


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as problem:
        raise VerificationError("the key service answered with something that is not Base64") from problem


def key_service() -> KeyService:
    """The key service of the settings."""
    if settings.KEY_SERVICE:
        return _http(settings.KEY_SERVICE, settings.KEY_SERVICE_KEY, settings.KEY_SERVICE_TOKEN)
    return SettingsKeyService(bytes(settings.KEY_ENCRYPTION_KEY), bytes(settings.KEY_ENCRYPTION_KEY_OLD))


@lru_cache(maxsize=4)
def _http(url: str, key_name: str, token: str) -> KeyService:
    return HttpKeyService(url, key_name, token)


def kek_candidates() -> list[bytes]:
    """The key-encryption keys of the settings, the present one first: for what was derived from them directly."""
    return [bytes(one) for one in (settings.KEY_ENCRYPTION_KEY, settings.KEY_ENCRYPTION_KEY_OLD) if one]
