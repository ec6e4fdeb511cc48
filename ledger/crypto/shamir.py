"""A secret in n shares of which any m give it again and fewer tell nothing (Shamir 1979, as SLIP-0039 writes it).

Shares are words: each names its set and threshold and ends in a checksum that finds up to three wrong words. Splitting
and joining is done by the reference implementation of SLIP-0039; here its errors get names.
"""

from __future__ import annotations

from collections.abc import Sequence

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from ledger.crypto.errors import VerificationError

MAX_SHARES = 16


class ShareError(VerificationError):
    """A share, or a set of them, that gives no secret; the text says why."""


class DamagedShare(ShareError):
    """The words are not those that were written down."""


class TooFewShares(ShareError):
    """The threshold is not reached."""


class MixedShares(ShareError):
    """Shares of different sets, which belong to different secrets or backups."""


def split(secret: bytes, *, threshold: int, count: int) -> list[str]:
    """`count` shares of the secret (16 or 32 bytes), of which any `threshold` give it again."""
    if not 2 <= threshold <= count <= MAX_SHARES:
        raise ValueError(f"A threshold is from 2 to the number of shares, of which there are at most {MAX_SHARES}.")
    return list(generate_mnemonics(1, [(threshold, count)], secret)[0])


def combine(shares: Sequence[str]) -> bytes:
    """The secret. Raises DamagedShare, MixedShares, TooFewShares."""
    read = [_read(words) for words in shares]
    if len({share.identifier for share in read}) > 1:
        raise MixedShares("These shares are of different sets. Take shares of one backup.")
    distinct = {share.index: words for share, words in zip(read, shares, strict=True)}
    needed = read[0].member_threshold if read else 2
    if len(distinct) < needed:
        raise TooFewShares(f"{needed} different shares are needed, and there are {len(distinct)}.")
    try:
        return bytes(combine_mnemonics(list(distinct.values())[:needed]))
    except MnemonicError as problem:
        raise DamagedShare(f"These shares do not fit together: {problem}") from problem


def _read(words: str) -> Share:
    try:
        return Share.from_mnemonic(words)
    except MnemonicError as problem:
        raise DamagedShare(f"A share is damaged: {problem}") from problem
