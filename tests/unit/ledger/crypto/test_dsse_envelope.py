from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from ledger.crypto import canonical, dsse
from ledger.crypto.errors import VerificationError

PAYLOAD = b'{"seq":0}'


def test_pre_authentication_encoding_is_the_standards(vectors):
    case = vectors["dsse"]
    assert dsse.pae(case["payload_type"], case["payload"].encode()).decode() == case["pae"]


def test_the_standards_own_signature_fits_our_encoding(vectors):
    case = vectors["dsse"]
    key = ec.EllipticCurvePublicNumbers(int(case["x"]), int(case["y"]), ec.SECP256R1()).public_key()
    raw = base64.b64decode(case["signature"])
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(signature, dsse.pae(case["payload_type"], case["payload"].encode()), ec.ECDSA(hashes.SHA256()))


def test_lengths_are_counted_in_bytes():
    assert dsse.pae("é", "€".encode()) == b"DSSEv1 2 \xc3\xa9 3 \xe2\x82\xac"


def test_a_signed_payload_comes_back_with_its_signers(signer, other_signer):
    envelope = dsse.sign(PAYLOAD, signers=[signer, other_signer])
    keys = {signer.keyid: signer.public_key, other_signer.keyid: other_signer.public_key}
    assert dsse.verify(envelope, keys=keys) == dsse.Verified(PAYLOAD, (signer.keyid, other_signer.keyid))


def test_the_envelope_is_canonical_json(signer):
    envelope = dsse.sign(PAYLOAD, signers=[signer])
    fields = canonical.decode(envelope)
    assert fields["payloadType"] == "application/vnd.needlepoint.record+json"
    assert base64.b64decode(fields["payload"]) == PAYLOAD


def test_only_known_keys_count(signer, other_signer):
    envelope = dsse.sign(PAYLOAD, signers=[signer, other_signer])
    assert dsse.verify(envelope, keys={signer.keyid: signer.public_key}).keyids == (signer.keyid,)


@pytest.mark.parametrize("keys", [{}, {"0000000000000000": bytes(32)}])
def test_an_envelope_without_a_known_signer_is_refused(signer, keys):
    with pytest.raises(VerificationError, match="by a known key"):
        dsse.verify(dsse.sign(PAYLOAD, signers=[signer]), keys=keys)


def test_a_known_key_whose_signature_is_wrong_refuses_all(signer, other_signer):
    fields = canonical.decode(dsse.sign(PAYLOAD, signers=[signer, other_signer]))
    fields["signatures"][1]["sig"] = fields["signatures"][0]["sig"]
    keys = {signer.keyid: signer.public_key, other_signer.keyid: other_signer.public_key}
    with pytest.raises(VerificationError, match="does not fit"):
        dsse.verify(canonical.encode(fields), keys=keys)


def test_a_key_under_a_strangers_id_does_not_verify(signer, other_signer):
    envelope = dsse.sign(PAYLOAD, signers=[signer])
    with pytest.raises(VerificationError, match="does not fit"):
        dsse.verify(envelope, keys={signer.keyid: other_signer.public_key})


@pytest.mark.parametrize("changed", [b'{"seq":1}', b"", b'{"seq":0} '])
def test_a_changed_payload_is_refused(signer, changed):
    fields = canonical.decode(dsse.sign(PAYLOAD, signers=[signer]))
    fields["payload"] = base64.b64encode(changed).decode()
    with pytest.raises(VerificationError, match="does not fit"):
        dsse.verify(canonical.encode(fields), keys={signer.keyid: signer.public_key})


def test_a_signature_for_another_payload_type_is_refused(signer):
    envelope = dsse.sign(PAYLOAD, signers=[signer], payload_type="application/vnd.other+json")
    with pytest.raises(VerificationError, match="payload type"):
        dsse.verify(envelope, keys={signer.keyid: signer.public_key})
    relabelled = envelope.replace(b"vnd.other", b"vnd.needlepoint.record")
    with pytest.raises(VerificationError, match="does not fit"):
        dsse.verify(relabelled, keys={signer.keyid: signer.public_key})


def test_every_single_bit_of_an_envelope_matters(signer):
    envelope = dsse.sign(b"{}", signers=[signer])
    for position in range(len(envelope) * 8):
        changed = bytearray(envelope)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(VerificationError):
            dsse.verify(bytes(changed), keys={signer.keyid: signer.public_key})


def test_payload_can_be_read_unverified_but_only_from_a_whole_envelope(signer):
    envelope = dsse.sign(PAYLOAD, signers=[signer])
    assert dsse.payload_of(envelope) == PAYLOAD
    assert dsse.keyids_of(envelope) == (signer.keyid,)
    with pytest.raises(VerificationError):
        dsse.payload_of(envelope[:-1])


def test_nobody_signs_nothing_and_nobody_signs_twice(signer):
    with pytest.raises(ValueError, match="at least one"):
        dsse.sign(PAYLOAD, signers=[])
    with pytest.raises(ValueError, match="once"):
        dsse.sign(PAYLOAD, signers=[signer, signer])


def test_a_record_that_would_not_fit_into_an_entry_bundle_is_refused(signer):
    with pytest.raises(canonical.CanonicalError, match="Put attachments beside the ledger"):
        dsse.sign(b"x" * 60_000, signers=[signer])


def test_other_tools_can_read_the_envelope(signer):
    fields = json.loads(dsse.sign(PAYLOAD, signers=[signer]))
    assert set(fields) == {"payload", "payloadType", "signatures"}
    assert set(fields["signatures"][0]) == {"keyid", "sig"}
