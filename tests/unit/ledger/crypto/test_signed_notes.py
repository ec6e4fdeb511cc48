from __future__ import annotations

import pytest

from ledger.crypto import notes
from ledger.crypto.ed25519 import InMemorySigner
from ledger.crypto.errors import VerificationError

NAME = "ledger.example/log"
TEXT = "first line\n\nafter an empty line\n"


def verifier_of(signer, name=NAME):
    return notes.parse_vkey(notes.vkey(name, signer.public_key))


def test_published_notes_open_with_their_keys(vectors):
    for case in vectors["notes"]["notes"]:
        opened = notes.open_note(case["note"], [notes.parse_vkey(case["vkey"])])
        assert opened.text == case["text"]
        assert opened.signatures[0].key_id.hex() == case["key_id"]


def test_a_published_note_is_signed_to_the_byte(vectors):
    case = vectors["notes"]["notes"][1]
    assert notes.sign_note(case["text"], "PeterNeumann", InMemorySigner(bytes.fromhex(case["seed"]))) == case["note"]


def test_published_keys_parse_and_print_the_same(vectors):
    for case in [*vectors["notes"]["vkeys"], *vectors["notes"]["notes"]]:
        parsed = notes.parse_vkey(case["vkey"])
        assert parsed.key_id.hex() == case["key_id"]
        assert str(parsed) == notes.vkey(parsed.name, parsed.public_key) == case["vkey"]


def test_text_may_hold_empty_lines(signer):
    assert notes.open_note(notes.sign_note(TEXT, NAME, signer), [verifier_of(signer)]).text == TEXT


def test_only_known_keys_count(signer, other_signer):
    note = notes.sign_note(TEXT, NAME, signer)
    note = notes.add_signature(note, notes.signature_line(TEXT, "witness.example/w1", other_signer))
    assert notes.open_note(note, [verifier_of(signer)]).names == (NAME,)
    both = [verifier_of(signer), verifier_of(other_signer, "witness.example/w1")]
    assert notes.open_note(note, both).names == (NAME, "witness.example/w1")


def test_a_note_signed_by_strangers_only_is_refused(signer, other_signer):
    with pytest.raises(VerificationError, match="by a known key"):
        notes.open_note(notes.sign_note(TEXT, NAME, signer), [verifier_of(other_signer)])
    with pytest.raises(VerificationError, match="by a known key"):
        notes.open_note(notes.sign_note(TEXT, NAME, signer), [])


def test_a_wrong_signature_of_a_known_key_refuses_the_note(signer, other_signer):
    note = notes.sign_note(TEXT, NAME, signer)
    stranger = verifier_of(other_signer, "witness.example/w1")
    forged = notes.add_signature(note, notes.format_line(stranger.name, stranger.key_id, signer.sign(TEXT.encode())))
    with pytest.raises(VerificationError, match="does not fit"):
        notes.open_note(forged, [verifier_of(signer), stranger])
    assert notes.open_note(forged, [verifier_of(signer)]).names == (NAME,)


def test_a_line_is_added_once(signer):
    note = notes.sign_note(TEXT, NAME, signer)
    assert notes.add_signature(note, notes.signature_line(TEXT, NAME, signer)) == note


def test_the_same_key_twice_counts_once(signer):
    note = notes.sign_note(TEXT, NAME, signer)
    doubled = note + notes.signature_line(TEXT, NAME, signer)
    assert notes.open_note(doubled, [verifier_of(signer)]).names == (NAME,)


@pytest.mark.parametrize("text", ["no newline", "", "bell\x07\n", "tab\t\n", "return\r\n", "\ud800\n"])
def test_what_cannot_be_a_text_is_not_signed(signer, text):
    with pytest.raises(VerificationError):
        notes.sign_note(text, NAME, signer)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\u2003"])
def test_what_cannot_be_a_name_signs_nothing(signer, name):
    with pytest.raises(VerificationError, match="cannot name a key"):
        notes.sign_note(TEXT, name, signer)
    with pytest.raises(VerificationError, match="cannot name a key"):
        notes.vkey(name, signer.public_key)


def test_a_huge_note_is_refused_before_it_is_parsed(signer):
    with pytest.raises(VerificationError, match="longer than"):
        notes.open_note("x" * 1_000_001, [verifier_of(signer)])
