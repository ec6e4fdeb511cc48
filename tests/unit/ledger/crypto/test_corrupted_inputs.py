"""The corpus of corrupted inputs: each is refused with `VerificationError`, never accepted and never a crash."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ledger.crypto import canonical, checkpoint, cosignature, dsse, merkle, notes, tiles, tlog_proof
from ledger.crypto.ed25519 import InMemorySigner
from ledger.crypto.errors import VerificationError

CORPUS = json.loads((Path(__file__).resolve().parents[3] / "assets/ledger/corrupted.json").read_text())
SIGNER = InMemorySigner(bytes.fromhex(CORPUS["seed"]))
ORIGIN = "ledger.example/consortium"
LOG_KEY = notes.parse_vkey(notes.vkey(ORIGIN, SIGNER.public_key))


def cases(kind):
    return [pytest.param(case, id=case["name"][:40]) for case in CORPUS[kind]]


def data_of(case) -> bytes:
    if "repeat" in case:
        parts = [part if isinstance(part, str) else part[0] * part[1] for part in case["repeat"]]
        return "".join(parts).encode()
    return base64.b64decode(case["base64"])


@pytest.mark.parametrize("case", cases("canonical"))
def test_corrupted_json_is_refused(case):
    with pytest.raises(VerificationError):
        canonical.decode(data_of(case))


@pytest.mark.parametrize("case", cases("envelopes"))
def test_corrupted_envelope_is_refused(case):
    with pytest.raises(VerificationError):
        dsse.verify(data_of(case), keys={SIGNER.keyid: SIGNER.public_key})


@pytest.mark.parametrize("case", cases("notes"))
def test_corrupted_note_is_refused(case):
    with pytest.raises(VerificationError):
        notes.open_note(case["text"], [LOG_KEY])


@pytest.mark.parametrize("case", cases("checkpoints"))
def test_corrupted_checkpoint_is_refused(case):
    with pytest.raises(VerificationError):
        checkpoint.parse(case["text"])


@pytest.mark.parametrize("case", cases("tile_paths"))
def test_what_is_no_tile_path_is_refused(case):
    with pytest.raises(VerificationError):
        tiles.parse_path(case["text"])


@pytest.mark.parametrize("case", cases("proofs"))
def test_corrupted_proof_is_refused(case):
    with pytest.raises(VerificationError):
        tlog_proof.verify(case["text"], leaf=merkle.leaf_hash(bytes([2])), origin=ORIGIN, log=LOG_KEY)


@pytest.mark.parametrize("case", cases("vkeys"))
def test_corrupted_verifier_key_is_refused(case):
    with pytest.raises(VerificationError):
        cosignature.verifier(case["text"])


def test_the_uncorrupted_originals_pass():
    """Else the corpus would prove nothing."""
    envelope = dsse.sign(b'{"seq":0}', signers=[SIGNER])
    assert dsse.verify(envelope, keys={SIGNER.keyid: SIGNER.public_key}).payload == b'{"seq":0}'
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(5)]
    path = merkle.inclusion_proof(2, 5, lambda level, i: merkle.root(leaves[i << level : (i + 1) << level]))
    note = notes.sign_note(checkpoint.body(ORIGIN, 5, merkle.root(leaves)), ORIGIN, SIGNER)
    proof = str(tlog_proof.TlogProof(2, tuple(path), note))
    assert tlog_proof.verify(proof, leaf=leaves[2], origin=ORIGIN, log=LOG_KEY).checkpoint.size == 5
