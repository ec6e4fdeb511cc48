from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto import checkpoint, cosignature, merkle, notes
from ledger.crypto.checkpoint import Checkpoint
from ledger.crypto.cosignature import CosignatureVerifier
from ledger.crypto.errors import VerificationError

ORIGIN = "ledger.example/consortium"
WITNESS = "witness.example/w1"
ROOT = merkle.leaf_hash(b"one")
# The examples of C2SP tlog-checkpoint and tlog-cosignature; their keys are not published.
PUBLISHED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def log_key(signer):
    return notes.parse_vkey(notes.vkey(ORIGIN, signer.public_key))


def signed(signer, size=1, root=ROOT, origin=ORIGIN):
    return notes.sign_note(checkpoint.body(origin, size, root), origin, signer)


def test_the_published_example_parses():
    note = notes.parse_note(PUBLISHED)
    parsed = checkpoint.parse(note.text)
    assert (parsed.origin, parsed.size) == ("example.com/behind-the-sofa", 20852163)
    assert parsed.body == note.text
    assert cosignature.timestamp_of(note.signatures[1].signature) == 1679315147


def test_the_published_cosignature_message_is_ours():
    text = notes.parse_note(PUBLISHED).text
    assert cosignature.message(text, 1679315147).decode() == (
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


@given(st.integers(1, checkpoint.MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_what_is_written_parses_to_the_same(size, root):
    assert checkpoint.parse(checkpoint.body(ORIGIN, size, root)) == Checkpoint(ORIGIN, size, root)


def test_the_empty_log_has_the_empty_root():
    assert checkpoint.parse(checkpoint.body(ORIGIN, 0, merkle.EMPTY_ROOT)).size == 0
    with pytest.raises(VerificationError, match="empty log"):
        checkpoint.body(ORIGIN, 0, ROOT)


@pytest.mark.parametrize("origin", ["", "two\nlines"])
def test_what_cannot_be_an_origin_is_refused(origin):
    with pytest.raises(VerificationError):
        checkpoint.body(origin, 1, ROOT)


def test_extension_lines_are_kept_as_they_are():
    text = checkpoint.body(ORIGIN, 1, ROOT) + "opaque\n"
    parsed = checkpoint.parse(text)
    assert parsed.extensions == ("opaque",)
    assert parsed.body == text


def test_a_checkpoint_opens_with_the_logs_key(signer):
    opened = checkpoint.open_checkpoint(signed(signer), origin=ORIGIN, log=log_key(signer))
    assert (opened.checkpoint.size, opened.checkpoint.root, opened.names) == (1, ROOT, (ORIGIN,))


def test_a_checkpoint_of_another_log_is_refused_even_under_the_same_key(signer):
    note = notes.sign_note(checkpoint.body("ledger.example/other", 1, ROOT), ORIGIN, signer)
    with pytest.raises(VerificationError, match="not of 'ledger.example/consortium'"):
        checkpoint.open_checkpoint(note, origin=ORIGIN, log=log_key(signer))


def test_a_witness_alone_cannot_make_a_checkpoint(signer, other_signer):
    text = checkpoint.body(ORIGIN, 1, ROOT)
    note = text + "\n" + cosignature.cosign(text, WITNESS, other_signer, timestamp=1)
    with pytest.raises(VerificationError, match="not signed by the log itself"):
        checkpoint.open_checkpoint(
            note,
            origin=ORIGIN,
            log=log_key(signer),
            others=[CosignatureVerifier(WITNESS, other_signer.public_key)],
        )


def test_a_cosignature_verifies_and_tells_its_time(signer, other_signer):
    text = checkpoint.body(ORIGIN, 1, ROOT)
    note = notes.add_signature(signed(signer), cosignature.cosign(text, WITNESS, other_signer, timestamp=1679315147))
    witness = CosignatureVerifier(WITNESS, other_signer.public_key)
    opened = notes.open_note(note, [log_key(signer), witness])
    assert opened.names == (ORIGIN, WITNESS)
    assert cosignature.cosignatures(opened, [witness]) == [cosignature.Cosignature(WITNESS, 1679315147)]


def test_the_time_of_a_cosignature_is_signed(other_signer):
    text = checkpoint.body(ORIGIN, 1, ROOT)
    line = cosignature.cosign(text, WITNESS, other_signer, timestamp=1679315147)
    material = bytearray(base64.b64decode(line.split(" ")[2]))
    material[11] ^= 1
    note = f"{text}\n— {WITNESS} {base64.b64encode(material).decode()}\n"
    with pytest.raises(VerificationError, match="does not fit"):
        notes.open_note(note, [CosignatureVerifier(WITNESS, other_signer.public_key)])


def test_a_cosignature_over_another_checkpoint_is_refused(signer, other_signer):
    line = cosignature.cosign(checkpoint.body(ORIGIN, 2, ROOT), WITNESS, other_signer, timestamp=1)
    with pytest.raises(VerificationError, match="does not fit"):
        notes.open_note(signed(signer) + line, [log_key(signer), CosignatureVerifier(WITNESS, other_signer.public_key)])


def test_a_plain_signature_does_not_pass_for_a_cosignature(other_signer):
    """One key under both types has two key ids, and the messages differ."""
    text = checkpoint.body(ORIGIN, 1, ROOT)
    plain = notes.sign_note(text, WITNESS, other_signer)
    with pytest.raises(VerificationError, match="by a known key"):
        notes.open_note(plain, [CosignatureVerifier(WITNESS, other_signer.public_key)])


def test_a_witness_does_not_cosign_what_is_no_checkpoint(other_signer):
    with pytest.raises(VerificationError):
        cosignature.cosign("any text\n", WITNESS, other_signer, timestamp=1)
    for timestamp in (-1, 2**63):
        with pytest.raises(ValueError, match="POSIX time"):
            cosignature.cosign(checkpoint.body(ORIGIN, 1, ROOT), WITNESS, other_signer, timestamp=timestamp)


def test_verifier_keys_of_both_types_are_told_apart(signer):
    plain = cosignature.verifier(notes.vkey(ORIGIN, signer.public_key))
    witness = cosignature.verifier(cosignature.vkey(WITNESS, signer.public_key))
    assert isinstance(plain, notes.VerifierKey)
    assert isinstance(witness, CosignatureVerifier)
    assert plain.key_id != witness.key_id


def test_a_cosignature_stands_under_checkpoints_only(other_signer):
    """A witness's key that was made to sign another text by other means makes no valid note of it."""
    text = "any text\n"
    signature = (1).to_bytes(8, "big") + other_signer.sign(cosignature.message(text, 1))
    witness = CosignatureVerifier(WITNESS, other_signer.public_key)
    with pytest.raises(VerificationError, match="three lines"):
        notes.open_note(f"{text}\n{notes.format_line(WITNESS, witness.key_id, signature)}", [witness])


def test_a_time_beyond_the_specification_is_refused_even_when_signed(other_signer):
    text = checkpoint.body(ORIGIN, 1, ROOT)
    signature = (2**63).to_bytes(8, "big") + other_signer.sign(cosignature.message(text, 2**63))
    with pytest.raises(VerificationError, match="beyond 2\\^63-1"):
        CosignatureVerifier(WITNESS, other_signer.public_key).verify(text, signature)
