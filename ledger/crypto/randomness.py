"""Where the salts of a record come from: the operating system, or a seed when the same act has to be made twice.

A person who signs with a passkey is shown what they sign before it is written: the act is made once to take its digest,
undone, and made again when the signature is there. Both times it has to be the same bytes, salts included. The seed is
32 fresh random bytes, kept for minutes and destroyed with the second making; what is drawn from it is HMAC-SHA256 in
counter mode (NIST SP 800-108, §4.1), as good a salt as any for whoever has not the seed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SEED_BYTES = 32
_DOMAIN = b"needlepoint/act-salts/v1\x00"


class _Stream:
    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.drawn = 0

    def draw(self, length: int) -> bytes:
        made = b""
        while len(made) < length:
            block = _DOMAIN + self.drawn.to_bytes(8, "big")
            made += hmac.new(self._seed, block, hashlib.sha256).digest()
            self.drawn += 1
        return made[:length]


_stream: ContextVar[_Stream | None] = ContextVar("needlepoint_salts", default=None)


def token_bytes(length: int) -> bytes:
    """So many random bytes, for a salt or a nonce. Never for a key."""
    stream = _stream.get()
    return secrets.token_bytes(length) if stream is None else stream.draw(length)


def randbits(bits: int) -> int:
    """A number of so many random bits; `bits` is a multiple of eight."""
    return int.from_bytes(token_bytes(bits // 8), "big")


@contextmanager
def drawn_from(seed: bytes) -> Iterator[None]:
    """Within this block everything is drawn from the seed, from its beginning on."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"A seed has {SEED_BYTES} bytes, not {len(seed)}.")
    held = _stream.set(_Stream(seed))
    try:
        yield
    finally:
        _stream.reset(held)


def checkpoint() -> int | None:
    """How much of the seed is used, for `rewind`; None where nothing is drawn from one."""
    stream = _stream.get()
    return None if stream is None else stream.drawn


def rewind(mark: int | None) -> None:
    """Draw again from there: an attempt that was undone is made once more, and has to be the same."""
    stream = _stream.get()
    if stream is not None and mark is not None:
        stream.drawn = mark
