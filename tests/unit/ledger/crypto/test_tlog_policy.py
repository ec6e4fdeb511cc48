"""Policies (C2SP tlog-policy): whose word is enough, and what is no policy."""

from __future__ import annotations

import pytest

from ledger.crypto import checkpoint, cosignature, mldsa, notes, policy
from ledger.crypto.ed25519 import InMemorySigner
from ledger.crypto.errors import VerificationError

ORIGIN = "ledger.example/consortium"
NOW = 1_770_000_000
LOG = InMemorySigner(b"\x01" * 32)
WITNESSES = {name: InMemorySigner(bytes([number]) * 32) for number, name in enumerate("ABCDE", start=10)}
VKEYS = {name: cosignature.vkey(f"{name}.example", signer.public_key) for name, signer in WITNESSES.items()}
LOG_LINE = f"log {notes.vkey(ORIGIN, LOG.public_key)} https://ledger.example/log\n"
LINES = LOG_LINE + "".join(f"witness {name} {vkey}\n" for name, vkey in VKEYS.items())


def keys(names):
    return {(f"{name}.example", cosignature.verifier(VKEYS[name]).key_id) for name in names}


def note(*names, at=NOW, size=3):
    text = checkpoint.body(ORIGIN, size, b"\x07" * 32)
    lines = [cosignature.cosign(text, f"{name}.example", WITNESSES[name], timestamp=at) for name in names]
    return notes.sign_note(text, ORIGIN, LOG) + "".join(lines)


@pytest.mark.parametrize(
    ("rest", "enough", "not_enough"),
    [
        ("quorum A\n", ["A", "AB"], ["", "BCDE"]),
        ("quorum none\n", ["", "A"], []),
        ("group g any A B\nquorum g\n", ["A", "B", "AB"], ["", "CDE"]),
        ("group g all A B\nquorum g\n", ["AB", "ABC"], ["A", "B", ""]),
        ("group g 3 A B C D E\nquorum g\n", ["ABC", "CDE", "ABCDE"], ["AB", "E", ""]),
        ("group x 2 A B C\ngroup y any D E\ngroup z all x y\nquorum z\n", ["ABD", "BCE"], ["ABC", "AD", "DE"]),
        ("# why\n\n \t group  g \t 1 A \n\tquorum g\n", ["A"], ["B"]),
    ],
)
def test_who_is_enough(rest, enough, not_enough):
    found = policy.parse((LINES + rest).encode())

    assert all(found.met_by(keys(names)) for names in enough)
    assert not any(found.met_by(keys(names)) for names in not_enough)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum"),
        (LINES, "no quorum"),
        (LINES + "quorum A", "does not end in a newline"),
        (LINES + "quorum A\nquorum A\n", "second quorum"),
        (LINES + "quorum F\n", "defined on a line before"),
        (LINES + "quorum\n", "defined on a line before"),
        (LINES + "group g any F\nquorum g\n", "not defined"),
        (LINES + "group g any none\nquorum g\n", "not defined"),
        (LINES + "group g any g\nquorum g\n", "not defined"),
        (LINES + "group g 3 A B\nquorum g\n", "asks for 3 of 2"),
        (LINES + "group g 0 A B\nquorum g\n", "threshold"),
        (LINES + "group g 01 A B\nquorum g\n", "threshold"),
        (LINES + "group g any\nquorum g\n", "at least one member"),
        (LINES + "group g any A A\nquorum g\n", "twice"),
        (LINES + "group g any A\ngroup h any A g\nquorum h\n", "twice"),
        (LINES + "group A any B\nquorum A\n", "taken"),
        (LINES + f"witness A2 {VKEYS['A']}\nquorum A\n", "two witness lines"),
        (LINES + LOG_LINE + "quorum A\n", "two log lines"),
        (f"witness none {VKEYS['A']}\nquorum none\n", "taken"),
        (f"witness A {notes.vkey('a', LOG.public_key)}\nquorum A\n", "one of a log"),
        (f"log {VKEYS['A']}\nquorum none\n", "not one of a log"),
        ("witness A nonsense\nquorum A\n", "three parts"),
        ("committee A\nquorum none\n", "none of log"),
        ("quorum none\r\n", "control character"),
        ("quorum none\x00\n", "control character"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_reason(text, why):
    with pytest.raises(VerificationError, match=why):
        policy.parse(text.encode())


def test_a_members_two_keys_count_once():
    signer = mldsa.MldsaSigner(b"\x05" * 32)
    both = f"witness A-pq {mldsa.vkey('A.example', signer.public_key)}\n"
    found = policy.parse((LINES + both + "group a any A A-pq\ngroup g 2 a B\nquorum g\n").encode())
    quantum = ("A.example", mldsa.MldsaVerifier("A.example", signer.public_key).key_id)

    assert found.met_by({quantum, *keys("B")})
    assert not found.met_by({quantum, *keys("A")})


def test_a_reader_takes_a_fresh_checkpoint_with_its_quorum():
    found = policy.parse((LINES + "group g 2 A B C\nquorum g\n").encode())

    assert policy.open_checkpoint(note("A", "C"), found, now=NOW + 299).size == 3
    with pytest.raises(VerificationError, match="Too few"):
        policy.open_checkpoint(note("A", "D"), found, now=NOW)
    with pytest.raises(VerificationError, match="stale"):
        policy.open_checkpoint(note("A", "C"), found, now=NOW + 301)
    with pytest.raises(VerificationError, match="stale"):
        policy.open_checkpoint(note("A", "C", at=NOW + 400), found, now=NOW)
    assert policy.open_checkpoint(note("A", "C"), found).size == 3, "a proof that was kept does not age"


def test_witnesses_without_the_log_are_nothing():
    text = checkpoint.body(ORIGIN, 3, b"\x07" * 32)
    lines = cosignature.cosign(text, "A.example", WITNESSES["A"], timestamp=NOW)

    with pytest.raises(VerificationError, match="not signed by a log"):
        policy.open_checkpoint(f"{text}\n{lines}", policy.parse((LINES + "quorum A\n").encode()))


def test_an_mldsa_cosignature_binds_name_time_and_tree():
    signer = mldsa.MldsaSigner(b"\x05" * 32)
    text = checkpoint.body(ORIGIN, 3, b"\x07" * 32)
    line = mldsa.cosign(text, "A.example", signer, timestamp=NOW)
    signature = notes.parse_note(f"{text}\n{line}").signatures[0].signature
    verifier = mldsa.MldsaVerifier("A.example", signer.public_key)

    verifier.verify(text, signature)
    assert len(signature) == 2_428
    later = (NOW + 1).to_bytes(8, "big") + signature[8:]
    for other, body, bytes_ in (
        (mldsa.MldsaVerifier("B.example", signer.public_key), text, signature),
        (verifier, checkpoint.body(ORIGIN, 4, b"\x07" * 32), signature),
        (verifier, checkpoint.body("ledger.example/other", 3, b"\x07" * 32), signature),
        (verifier, text, later),
        (verifier, text, signature[:-1]),
    ):
        with pytest.raises(VerificationError):
            other.verify(body, bytes_)
