"""BabyJubJub signatures against circomlibjs' vector, and what must not pass for a key or a signature."""

import hashlib
from dataclasses import replace

import pytest

from ledger.proofs.babyjubjub import (
    BASE,
    IDENTITY,
    SUBGROUP_ORDER,
    InvalidPoint,
    PublicKey,
    Signature,
    add,
    is_on_curve,
    multiply,
    private_key,
    verify,
)
from ledger.proofs.field import FIELD

KEY = private_key(hashlib.sha256(b"a device").digest())
ORDER_EIGHT_POINT = (
    4342719913949491028786768530115087822524712248835451589697801404893164183326,
    4826523245007015323400664741523384119579596407052839571721035538011798951543,
)


def test_signature_of_circomlibjs_verifies() -> None:
    """Key 0001…0809 repeated, message bytes 00…09 little-endian, from circomlibjs' EdDSA-Poseidon test."""
    key = PublicKey(
        13277427435165878497778222415993513565335242147425444199013288855685581939618,
        13622229784656158136036771217484571176836296686641868549125388198837476602820,
    )
    signature = Signature(
        (
            11384336176656855268977457483345535180380036354188103142384839473266348197733,
            15383486972088797283337779941324724402501462225528836549661220478783371668959,
        ),
        1672775540645840396591609181675628451599263765380031905495115170613215233181,
    )
    assert verify(key, int.from_bytes(bytes(range(10)), "little"), signature)
    assert not verify(key, 1234, signature)


def test_own_signature_verifies_and_no_other_message_does() -> None:
    signature = KEY.sign(42)
    assert verify(KEY.public, 42, signature)
    assert not verify(KEY.public, 43, signature)
    assert not verify(private_key(bytes(32)).public, 42, signature)


def test_signature_with_the_order_added_is_refused() -> None:
    signature = KEY.sign(42)
    assert not verify(KEY.public, 42, replace(signature, s=signature.s + SUBGROUP_ORDER))


@pytest.mark.parametrize("r8", [(0, 0), (BASE[0] + FIELD, BASE[1]), (BASE[0], BASE[1] + 1)])
def test_nonce_off_the_curve_is_refused(r8: tuple[int, int]) -> None:
    assert not verify(KEY.public, 42, replace(KEY.sign(42), r8=r8))


@pytest.mark.parametrize(
    "point",
    [
        IDENTITY,
        (0, FIELD - 1),  # order 2
        ORDER_EIGHT_POINT,
        add(BASE, (0, FIELD - 1)),  # on the curve, outside the subgroup
        (1, 1),  # off the curve
        (BASE[0] + FIELD, BASE[1]),  # a second spelling of the base
    ],
)
def test_weak_or_foreign_points_cannot_be_public_keys(point: tuple[int, int]) -> None:
    with pytest.raises(InvalidPoint):
        PublicKey(*point)


def test_order_eight_point_is_what_its_name_says() -> None:
    assert is_on_curve(ORDER_EIGHT_POINT)
    assert multiply(ORDER_EIGHT_POINT, 8) == IDENTITY
    assert multiply(ORDER_EIGHT_POINT, 4) != IDENTITY


def test_keys_follow_from_their_seed_and_stay_out_of_repr() -> None:
    seed = bytes(range(32))
    assert private_key(seed) == private_key(seed)
    assert private_key(seed).public != KEY.public
    assert str(KEY.scalar) not in repr(KEY)
    with pytest.raises(ValueError):
        private_key(b"short")
