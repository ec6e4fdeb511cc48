from __future__ import annotations

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.crypto import ed25519, edwards25519
from ledger.crypto.ed25519 import InMemorySigner, InvalidPublicKey
from ledger.crypto.errors import VerificationError

# The 14 encodings of the eight points of small order (Chalkias et al. 2020, table 1; the last six are not canonical).
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def encode(point: edwards25519.Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, edwards25519.P)
    x, y = x * inverse % edwards25519.P, y * inverse % edwards25519.P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def test_keys_and_signatures_are_those_of_rfc_8032(vectors):
    for case in vectors["rfc8032"]["vectors"]:
        signer = InMemorySigner(bytes.fromhex(case["seed"]))
        message = bytes.fromhex(case["message"])
        assert signer.public_key.hex() == case["public_key"]
        assert signer.sign(message).hex() == case["signature"]
        assert ed25519.verify(signer.public_key, message, bytes.fromhex(case["signature"])) == message


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_points_of_small_order_are_no_keys(encoded):
    with pytest.raises(InvalidPublicKey, match="small order"):
        ed25519.check_public_key(bytes.fromhex(encoded))


def test_the_list_of_small_order_points_is_complete():
    generator = edwards25519.decode(bytes.fromhex(SMALL_ORDER[4]))
    torsion = {encode(edwards25519.multiply(k, generator)) for k in range(8)}
    assert torsion == {bytes.fromhex(encoded) for encoded in SMALL_ORDER[:8]}


def test_one_signature_would_fit_every_message_under_a_small_order_key():
    """Why the check is there: OpenSSL accepts (R = identity, S = 0) under the identity for any message."""
    identity = bytes.fromhex(SMALL_ORDER[0])
    forged = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"release the batch")
    with pytest.raises(VerificationError, match="small order"):
        ed25519.verify(identity, b"release the batch", forged)


def made_with(nonce: int, *, torsion: bool) -> tuple[bytes, bytes]:
    """A key, and its signature under `act` made with this nonce; with an R beside the subgroup if `torsion`."""
    seed = bytes(31) + b"\x07"
    public_key = InMemorySigner(seed).public_key
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & (2**254 - 8) | 2**254
    commitment = edwards25519.multiply(nonce, edwards25519.decode(bytes.fromhex("58" + "66" * 31)))
    if torsion:
        commitment = edwards25519.add(commitment, edwards25519.decode(bytes.fromhex(SMALL_ORDER[4])))
    r = encode(commitment)
    challenge = int.from_bytes(hashlib.sha512(r + public_key + b"act").digest(), "little")
    return public_key, r + ((nonce + challenge * secret) % edwards25519.L).to_bytes(32, "little")


def test_both_libraries_verify_without_the_cofactor():
    """Else a member could make a record that holds for one witness and not for another."""
    key, plain = made_with(12_345, torsion=False)
    assert ed25519.verify(key, b"act", plain) == b"act"
    Ed25519PublicKey.from_public_bytes(key).verify(plain, b"act")

    key, beside = made_with(12_345, torsion=True)
    with pytest.raises(VerificationError, match="does not fit"):
        ed25519.verify(key, b"act", beside)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(key).verify(beside, b"act")


def test_a_signature_that_gives_its_key_away_is_refused():
    """With the nonce 0, R is the identity and S tells the secret; OpenSSL takes it, libsodium does not."""
    key, told = made_with(0, torsion=False)
    Ed25519PublicKey.from_public_bytes(key).verify(told, b"act")
    with pytest.raises(VerificationError, match="does not fit"):
        ed25519.verify(key, b"act", told)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (b"", "has 32 bytes, not 0"),
        (bytes(31), "has 32 bytes, not 31"),
        ((edwards25519.P + 3).to_bytes(32, "little"), "not reduced"),
        ((2).to_bytes(32, "little"), "not a point on the curve"),
    ],
)
def test_bytes_that_name_no_point_are_no_key(encoded, reason):
    with pytest.raises(InvalidPublicKey, match=reason):
        ed25519.check_public_key(encoded)


def test_a_good_key_plus_torsion_is_refused(signer):
    good = edwards25519.decode(signer.public_key)
    mixed = edwards25519.add(good, edwards25519.decode(bytes.fromhex(SMALL_ORDER[4])))
    with pytest.raises(InvalidPublicKey, match="prime-order subgroup"):
        ed25519.check_public_key(encode(mixed))


def test_fresh_keys_pass_and_differ():
    first, second = ed25519.generate(), ed25519.generate()
    assert ed25519.check_public_key(first.public_key) == first.public_key
    assert first.keyid != second.keyid


def test_a_signature_with_s_beyond_the_order_is_refused(signer):
    """RFC 8032 §5.1.7: S in [0, L), or one signature could be written in several ways."""
    signature = signer.sign(b"act")
    larger = int.from_bytes(signature[32:], "little") + edwards25519.L
    with pytest.raises(VerificationError):
        ed25519.verify(signer.public_key, b"act", signature[:32] + larger.to_bytes(32, "little"))


def test_wrong_message_key_or_length_is_refused(signer, other_signer):
    signature = signer.sign(b"act")
    for key, message, candidate in [
        (signer.public_key, b"another act", signature),
        (other_signer.public_key, b"act", signature),
        (signer.public_key, b"act", signature[:-1]),
        (signer.public_key, b"act", b""),
    ]:
        with pytest.raises(VerificationError):
            ed25519.verify(key, message, candidate)


def test_key_id_is_a_domain_separated_digest(signer):
    expected = hashlib.sha256(b"needlepoint/ed25519-keyid/v1\x00" + signer.public_key).hexdigest()[:16]
    assert ed25519.keyid(signer.public_key) == signer.keyid == expected


def test_a_signer_does_not_show_its_seed(signer):
    assert signer.seed.hex() not in repr(signer)
    assert repr(signer.seed) not in repr(signer)
    assert isinstance(signer, ed25519.Signer)


@pytest.mark.parametrize("y", [1, edwards25519.P - 1])
def test_zero_has_no_sign(y):
    """RFC 8032 §5.1.3, step 4."""
    assert edwards25519.is_small_order(edwards25519.decode(y.to_bytes(32, "little")))
    with pytest.raises(ValueError, match="sign bit is set although x is zero"):
        edwards25519.decode((y | 1 << 255).to_bytes(32, "little"))


def test_a_signature_of_another_length_is_given_as_the_reason(signer):
    with pytest.raises(VerificationError, match="64 bytes, not 65"):
        ed25519.verify(signer.public_key, b"act", signer.sign(b"act") + b"\x00")
