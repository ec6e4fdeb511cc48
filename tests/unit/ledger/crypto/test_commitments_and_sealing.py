from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto import canonical, commitments, sealing
from ledger.crypto.errors import VerificationError
from ledger.crypto.sealing import UnsealError, WrongKey

SALT = bytes(range(16))
KEY = bytes(range(32))
AAD = sealing.associated_data("patient", 7, "name", 1)


def test_a_commitment_is_the_digest_that_the_reference_describes():
    expected = hashlib.sha256(
        b'needlepoint/commitment/v1\x00["000102030405060708090a0b0c0d0e0f","patient.weight_kg","71.5"]'
    ).hexdigest()
    assert commitments.commit(salt=SALT, path="patient.weight_kg", value="71.5") == expected


def test_a_commitment_verifies_its_own_value_only():
    made = commitments.commit(salt=SALT, path="a", value={"x": 1})
    assert commitments.verify_commitment(made, salt=SALT, path="a", value={"x": 1}) == {"x": 1}
    for other in (
        {"salt": bytes(16), "path": "a", "value": {"x": 1}},
        {"salt": SALT, "path": "b", "value": {"x": 1}},
        {"salt": SALT, "path": "a", "value": {"x": 2}},
        {"salt": SALT, "path": "a", "value": None},
        {"salt": SALT[:15], "path": "a", "value": {"x": 1}},
        {"salt": SALT, "path": "a", "value": {"x": 1.0}},
    ):
        with pytest.raises(VerificationError):
            commitments.verify_commitment(made, **other)
    for wrong in ("", made.upper(), made[:-1], "é" * 64):
        with pytest.raises(VerificationError):
            commitments.verify_commitment(wrong, salt=SALT, path="a", value={"x": 1})


def test_numbers_strings_and_truth_are_different_values():
    made = {commitments.commit(salt=SALT, path="a", value=value) for value in (1, "1", True, [1], None, "", [])}
    assert len(made) == 7


def test_salts_are_fresh_and_whole():
    salts = {commitments.fresh_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {16}
    with pytest.raises(ValueError, match="16 bytes"):
        commitments.commit(salt=b"short", path="a", value=1)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_can_be_unsealed(plaintext, aad):
    assert sealing.unseal(KEY, sealing.seal(KEY, plaintext, aad), aad) == plaintext


def test_a_sealed_value_has_the_documented_parts():
    sealed = sealing.seal(KEY, b"Heron", AAD)
    assert sealed[0] == 1
    assert sealed[1:9] == sealing.key_id_of(sealed) == sealing.key_id(KEY)
    assert AESGCM(KEY).decrypt(sealed[9:21], sealed[21:], sealed[:9] + AAD) == b"Heron"


def test_sealing_twice_never_gives_the_same():
    assert len({sealing.seal(KEY, b"Heron", AAD) for _ in range(50)}) == 50


def test_every_bit_of_a_sealed_value_matters():
    sealed = sealing.seal(KEY, b"Heron", AAD)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(UnsealError):
            sealing.unseal(KEY, bytes(changed), AAD)


def test_a_value_moved_to_another_row_does_not_open():
    sealed = sealing.seal(KEY, b"Heron", AAD)
    with pytest.raises(UnsealError, match="moved here"):
        sealing.unseal(KEY, sealed, sealing.associated_data("patient", 8, "name", 1))


def test_another_key_is_named_as_the_reason():
    with pytest.raises(WrongKey):
        sealing.unseal(bytes(32), sealing.seal(KEY, b"Heron", AAD), AAD)


def test_a_version_of_the_future_is_named_as_the_reason():
    with pytest.raises(UnsealError, match="of version 2"):
        sealing.unseal(KEY, b"\x02" + sealing.seal(KEY, b"Heron", AAD)[1:], AAD)


@pytest.mark.parametrize("length", [0, 1, 9, 36])
def test_a_value_cut_short_is_refused(length):
    with pytest.raises(UnsealError, match="cut short"):
        sealing.unseal(KEY, sealing.seal(KEY, b"", AAD)[:length], AAD)


def test_associated_data_is_unambiguous():
    assert sealing.associated_data("a", "bc") != sealing.associated_data("ab", "c")
    assert sealing.associated_data("a", 1) != sealing.associated_data("a", "1")


def test_derivation_is_hkdf_of_rfc_5869(vectors):
    for case in vectors["rfc5869"]["vectors"]:
        ikm, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
        assert sealing.derive(ikm, info, length=case["length"], salt=salt).hex() == case["okm"]


def test_derived_keys_differ_by_purpose():
    assert sealing.derive(KEY, "patient") == sealing.derive(KEY, b"patient")
    assert len({sealing.derive(KEY, info) for info in ("a", "b", "")} | {KEY}) == 4


@pytest.mark.parametrize(
    "written",
    ["Müller", "  müller ", "MÜLLER", "Mu\u0308ller", "\uff2d\u00fcller", "mu\u0308LLER\u00a0"],
)
def test_a_blind_index_finds_the_same_name_however_written(written):
    expected = hmac.new(KEY, "müller".encode(), hashlib.sha256).hexdigest()
    assert sealing.blind_index(KEY, written) == expected


def test_a_blind_index_tells_apart_what_differs():
    found = {sealing.blind_index(KEY, value) for value in ("Miller", "Müller", "Mueller", "", "1 2", "12")}
    assert len(found) == 6
    assert sealing.blind_index(KEY, "van  der\tBerg") == sealing.blind_index(KEY, "Van der Berg")
    assert sealing.blind_index(bytes(32), "Miller") != sealing.blind_index(KEY, "Miller")


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(value):
    assert sealing.normalise(sealing.normalise(value)) == sealing.normalise(value)


class Rfc9180:
    """HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, written here from RFC 9180 §4, §5.1 and §6.1 alone."""

    def __init__(self, aead_id: int) -> None:
        self.suite = b"HPKE" + b"\x00\x20\x00\x01" + aead_id.to_bytes(2, "big")
        self.key_bytes = {1: 16, 2: 32}[aead_id]

    @staticmethod
    def extract(salt, suite, label, ikm):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    @staticmethod
    def expand(prk, suite, label, info, length):
        labelled, block, out, counter = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, b"", b"", 1
        while len(out) < length:
            block = hmac.digest(prk, block + labelled + bytes([counter]), "sha256")
            out, counter = out + block, counter + 1
        return out[:length]

    def schedule(self, dh, enc, recipient, info):
        kem = b"KEM\x00\x20"
        shared = self.expand(self.extract(b"", kem, b"eae_prk", dh), kem, b"shared_secret", enc + recipient, 32)
        context = b"\x00" + self.extract(b"", self.suite, b"psk_id_hash", b"")
        context += self.extract(b"", self.suite, b"info_hash", info)
        secret = self.extract(shared, self.suite, b"secret", b"")
        key = self.expand(secret, self.suite, b"key", context, self.key_bytes)
        return shared, key, self.expand(secret, self.suite, b"base_nonce", context, 12)

    def open(self, seed, enc, ciphertext, info, aad=b""):
        private = X25519PrivateKey.from_private_bytes(seed)
        dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
        _, key, nonce = self.schedule(dh, enc, private.public_key().public_bytes_raw(), info)
        return AESGCM(key).decrypt(nonce, ciphertext, aad)

    def seal(self, ephemeral, recipient, plaintext, info, aad=b""):
        private = X25519PrivateKey.from_private_bytes(ephemeral)
        enc = private.public_key().public_bytes_raw()
        dh = private.exchange(X25519PublicKey.from_public_bytes(recipient))
        shared, key, nonce = self.schedule(dh, enc, recipient, info)
        return enc, shared, key, nonce, AESGCM(key).encrypt(nonce, plaintext, aad)


def test_the_written_out_hpke_gives_the_answers_of_rfc_9180(vectors):
    for case in vectors["rfc9180"]["vectors"]:
        field = {name: bytes.fromhex(value) for name, value in case.items() if isinstance(value, str)}
        hpke = Rfc9180(case["aead_id"])
        made = hpke.seal(field["skEm"], field["pkRm"], field["pt"], field["info"], field["aad"])
        assert made == (field["enc"], field["shared_secret"], field["key"], field["base_nonce"], field["ct"])
        assert hpke.open(field["skRm"], field["enc"], field["ct"], field["info"], field["aad"]) == field["pt"]


def test_our_wrapping_is_that_hpke_in_both_directions(vectors):
    case = next(case for case in vectors["rfc9180"]["vectors"] if case["aead_id"] == 2)
    seed, public, ephemeral = (bytes.fromhex(case[name]) for name in ("skRm", "pkRm", "skEm"))
    hpke = Rfc9180(2)
    assert sealing.recipient_public(seed) == public
    wrapped = sealing.wrap_key(public, KEY, b"therapy 7")
    assert hpke.open(seed, wrapped[1:33], wrapped[33:], b"therapy 7") == KEY
    enc, *_, ciphertext = hpke.seal(ephemeral, public, KEY, b"therapy 7")
    assert sealing.unwrap_key(seed, b"\x01" + enc + ciphertext, b"therapy 7") == KEY


def test_a_wrapped_key_opens_for_its_recipient_and_purpose_only():
    seed = bytes(range(32))
    wrapped = sealing.wrap_key(sealing.recipient_public(seed), KEY, b"therapy 7")
    assert sealing.unwrap_key(seed, wrapped, b"therapy 7") == KEY
    for other_seed, other, info in [
        (bytes(range(1, 33)), wrapped, b"therapy 7"),
        (seed, wrapped, b"therapy 8"),
        (seed, wrapped[:-1], b"therapy 7"),
        (seed, wrapped[:20], b"therapy 7"),
        (seed, b"\x02" + wrapped[1:], b"therapy 7"),
        (seed, b"", b"therapy 7"),
        (seed, b"\x01" + bytes(80), b"therapy 7"),
        (bytes(31), wrapped, b"therapy 7"),
    ]:
        with pytest.raises(UnsealError):
            sealing.unwrap_key(other_seed, other, info)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), (1).to_bytes(32, "little")])
def test_a_key_is_not_wrapped_to_a_point_that_anyone_can_open(public):
    with pytest.raises(UnsealError, match="not a usable X25519"):
        sealing.wrap_key(public, KEY, b"")


def test_fresh_keys_are_fresh_and_whole():
    assert len({sealing.fresh_key() for _ in range(20)}) == 20
    assert len(sealing.fresh_key()) == 32
    assert canonical.encode([sealing.fresh_key().hex()])
