"""Secrets in shares, as SLIP-0039 has them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from shamir_mnemonic import combine_mnemonics

from ledger.crypto import shamir

SECRET = bytes(range(32))


def test_any_three_of_five_give_the_secret_again() -> None:
    shares = shamir.split(SECRET, threshold=3, count=5)
    assert {shamir.combine(some) for some in itertools.combinations(shares, 3)} == {SECRET}
    assert shamir.combine(shares) == SECRET


@budget(max_examples=8)
@given(secret=st.binary(min_size=32, max_size=32), count=st.integers(2, 5), data=st.data())
def test_a_threshold_of_shares_is_enough_and_one_less_is_not(secret: bytes, count: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(2, count))
    shares = data.draw(st.permutations(shamir.split(secret, threshold=threshold, count=count)))
    assert shamir.combine(shares[:threshold]) == secret
    with pytest.raises(shamir.TooFewShares):
        shamir.combine(shares[: threshold - 1])


def test_the_same_share_twice_counts_once() -> None:
    shares = shamir.split(SECRET, threshold=2, count=3)
    with pytest.raises(shamir.TooFewShares, match="2 different shares are needed, and there are 1"):
        shamir.combine([shares[0], shares[0]])


def test_a_wrong_word_is_found() -> None:
    shares = shamir.split(SECRET, threshold=2, count=2)
    words = shares[0].split()
    words[7] = "academic" if words[7] != "academic" else "acid"
    with pytest.raises(shamir.DamagedShare):
        shamir.combine([" ".join(words), shares[1]])


def test_shares_of_two_sets_are_told_apart() -> None:
    one, other = (shamir.split(SECRET, threshold=2, count=2) for _ in range(2))
    with pytest.raises(shamir.MixedShares):
        shamir.combine([one[0], other[1]])


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_a_threshold_that_is_none_is_refused(threshold: int, count: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        shamir.split(SECRET, threshold=threshold, count=count)


def test_the_published_vector_of_one_share() -> None:
    """SLIP-0039, test vector 1 (passphrase TREZOR): what joins our shares is what joins everybody's."""
    words = (
        "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode "
        "duke ajar critical decision keyboard"
    )
    assert combine_mnemonics([words], b"TREZOR").hex() == "bb54aac4b89dc868ba37d9cc21b2cece"
