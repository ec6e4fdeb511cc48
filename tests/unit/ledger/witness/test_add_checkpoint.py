"""`add-checkpoint`, each answer of the specification, and a state machine that never co-signs two histories."""

from __future__ import annotations

import random
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.crypto import base64s, checkpoint, cosignature, merkle, mldsa, notes, submission
from ledger.crypto.ed25519 import InMemorySigner
from ledger.witness.cosigner import Cosigner, WatchedLog
from ledger.witness.keys import WitnessKeys
from ledger.witness.store import Store
from tests.unit.ledger.witness.conftest import NOW
from tests.unit.ledger.witness.logs import LOG_KEY, LOG_SIGNER, ORIGIN, MemoryLog, consistency, signer_of

KEYS = WitnessKeys("member.example/witness", InMemorySigner(b"\x21" * 32), mldsa.MldsaSigner(b"\x22" * 32))
LEAVES = 40


def foreign(leaves: list[bytes]) -> MemoryLog:
    """A log of another kind: its entries are any bytes."""
    return MemoryLog(leaves)


@pytest.fixture
def log():
    return foreign([bytes([n]) for n in range(LEAVES)])


@pytest.fixture
def reports():
    return []


@pytest.fixture
def witness(store, reports):
    logs = {ORIGIN: WatchedLog(ORIGIN, [LOG_KEY])}
    return Cosigner(store, KEYS, logs, clock=lambda: NOW, report=reports.append)


def ask(witness, log, old, size, *, note=None, proof=None):
    proof = consistency(log, old, size) if proof is None else proof
    return witness.add_checkpoint(submission.encode(old, proof, note or log.signed(size)))


def test_a_first_checkpoint_is_cosigned_with_both_keys(witness, log):
    answer = ask(witness, log, 0, 7)

    assert answer.status == 200
    verifiers = [cosignature.verifier(vkey) for vkey in KEYS.vkeys]
    opened = notes.open_note(log.signed(7) + answer.body, [LOG_KEY, *verifiers])
    assert [found.timestamp for found in cosignature.cosignatures(opened, verifiers)] == [NOW, NOW]


def test_a_longer_log_is_cosigned_with_its_proof(witness, log):
    ask(witness, log, 0, 7)

    assert ask(witness, log, 7, 31).status == 200
    assert ask(witness, log, 31, 31).status == 200, "the same again is a fresh time"


def test_another_old_size_is_a_conflict_that_names_the_size(witness, log):
    ask(witness, log, 0, 7)

    for old, size in ((0, 9), (6, 9), (8, 9)):
        answer = ask(witness, log, old, size)
        assert (answer.status, answer.content_type, answer.body) == (409, "text/x.tlog.size", "7\n")


def test_an_unknown_witness_of_a_log_says_zero(witness, log):
    answer = ask(witness, log, 3, 7)

    assert (answer.status, answer.body) == (409, "0\n")


def test_an_old_size_beyond_the_checkpoint_is_a_bad_request(witness, log):
    ask(witness, log, 0, 7)

    assert ask(witness, log, 7, 5, proof=[]).status == 400


def test_another_root_for_the_same_size_is_a_conflict_and_reported(witness, log, reports):
    ask(witness, log, 0, 7)

    answer = ask(witness, log, 7, 7, note=log.signed(7, root=b"\x07" * 32), proof=[])

    assert answer.status == 409
    assert [breach.kind for breach in reports] == ["split_view"]
    assert reports[0].evidence["seen.note"] == log.signed(7).encode()


@pytest.mark.parametrize("proof", ["none", "other", "longer", "shorter"])
def test_a_proof_that_does_not_hold_is_unprocessable(witness, log, proof):
    ask(witness, log, 0, 7)
    good = consistency(log, 7, 31)
    bad = {"none": [], "other": [b"\x07" * 32, *good[1:]], "longer": [*good, good[0]], "shorter": good[:-1]}[proof]

    assert ask(witness, log, 7, 31, proof=bad).status == 422
    assert ask(witness, log, 7, 31, proof=good).status == 200


def test_a_proof_from_nothing_has_to_be_empty(witness, log):
    assert ask(witness, log, 0, 7, proof=[b"\x07" * 32]).status == 422


def test_an_unknown_log_is_not_found(witness):
    text = checkpoint.body("ledger.example/unknown", 0, merkle.EMPTY_ROOT)
    note = notes.sign_note(text, "ledger.example/unknown", LOG_SIGNER)

    assert witness.add_checkpoint(submission.encode(0, [], note)).status == 404


def test_an_unknown_key_is_forbidden(witness, log):
    text = notes.parse_note(log.signed(7)).text
    for name, signer in ((ORIGIN, signer_of(9)), ("ledger.example/other", LOG_SIGNER)):
        assert witness.add_checkpoint(submission.encode(0, [], notes.sign_note(text, name, signer))).status == 403


def test_a_signature_that_does_not_fit_is_forbidden(witness, log):
    note = log.signed(7).replace("\n7\n", "\n8\n")

    assert witness.add_checkpoint(submission.encode(0, [], note)).status == 403


def test_signatures_of_unknown_keys_are_passed_over(witness, log):
    note = log.signed(7)
    note += notes.signature_line(notes.parse_note(note).text, "other.example", signer_of(8))

    assert ask(witness, log, 0, 7, note=note).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 0\n\n",
        b"\xff\n\n",
        b"old 00\n\n{note}",
        b"old -1\n\n{note}",
        b"old 1 \n\n{note}",
        b"size 0\n\n{note}",
        b"old 0\nnot base64\n\n{note}",
        b"old 0\nAAAA\n\n{note}",
        b"old 99999999999999999999\n\n{note}",
        b"old 0\n{note}",
        b"old 0\r\n\r\n{note}",
    ],
)
def test_what_is_not_well_formed_is_a_bad_request(witness, log, body):
    assert witness.add_checkpoint(body.replace(b"{note}", log.signed(7).encode())).status == 400


def test_more_than_63_lines_of_proof_are_a_bad_request(witness, log):
    line = base64s.encode(bytes(32))
    assert witness.add_checkpoint(f"old 1\n{chr(10).join([line] * 64)}\n\n{log.signed(7)}".encode()).status == 400
    assert witness.add_checkpoint(f"old 0\n{chr(10).join([line] * 63)}\n\n{log.signed(7)}".encode()).status == 422


def test_of_two_at_once_one_advances_and_the_other_is_told(store, log, monkeypatch):
    """Both are checked before either is kept: without the atomic step the smaller would roll the larger back."""
    both = threading.Barrier(2)
    real = store.advance

    def advance(*arguments, **named):
        both.wait(30)
        return real(*arguments, **named)

    monkeypatch.setattr(store, "advance", advance)
    witness = Cosigner(store, KEYS, {ORIGIN: WatchedLog(ORIGIN, [LOG_KEY])}, clock=lambda: NOW, report=print)
    answers = {}
    threads = [
        threading.Thread(target=lambda size=size: answers.update({size: ask(witness, log, 0, size)}))
        for size in (9, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    won = store.log(ORIGIN).cosigned_size
    assert sorted(answer.status for answer in answers.values()) == [200, 409]
    assert answers[won].status == 200
    assert answers[29 - won].body == f"{won}\n"


def test_two_processes_with_one_database_cannot_both_advance(store, log):
    other = Store(store.path)
    found = checkpoint.parse(notes.parse_note(log.signed(9)).text)

    assert store.advance(ORIGIN, old_size=0, found=found, note=log.signed(9), at=NOW)
    assert not other.advance(ORIGIN, old_size=0, found=found, note=log.signed(9), at=NOW)
    assert other.log(ORIGIN).cosigned_size == 9
    other.close()


def test_of_a_followed_log_only_what_was_replayed_is_cosigned(store, follow, reports):
    log = MemoryLog.of(20)
    witness = Cosigner(
        store, KEYS, {ORIGIN: WatchedLog(ORIGIN, [LOG_KEY], replayed=True)}, clock=lambda: NOW, report=reports.append
    )
    assert ask(witness, log, 0, 21).status == 503

    follow(log).turn()

    assert ask(witness, log, 21, 21).status == 200


class OneHistory(RuleBasedStateMachine):
    """A log of two branches asks for co-signatures of both; whatever the order, only one history is ever co-signed."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        pick = random.Random(seed)
        common = [pick.randbytes(4) for _ in range(pick.randint(0, 6))]
        self.branches = [
            foreign(common + [name + pick.randbytes(4) for _ in range(LEAVES - len(common))]) for name in (b"a", b"b")
        ]
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "witness.sqlite3")
        self.reports = []
        self.cosigned = []

    @property
    def witness(self):
        logs = {ORIGIN: WatchedLog(ORIGIN, [LOG_KEY])}
        return Cosigner(self.store, KEYS, logs, clock=lambda: NOW, report=self.reports.append)

    @rule(branch=st.integers(0, 1), old=st.integers(0, LEAVES), size=st.integers(0, LEAVES), right=st.booleans())
    def submit(self, branch, old, size, right):
        log = self.branches[branch]
        memory = self.store.log(ORIGIN)
        old = memory.cosigned_size if right else old
        proof = consistency(log, old, size) if old <= size else []
        before = self.cosigned[-1][1] if self.cosigned else b""
        answer = ask(self.witness, log, old, size, proof=proof)
        hashes = [merkle.leaf_hash(entry) for entry in log.all[:size]]
        extends = merkle.root(hashes[: memory.cosigned_size]) == (before or merkle.EMPTY_ROOT)
        expected = (
            400
            if old > size
            else 409
            if old != memory.cosigned_size
            else 200
            if extends
            else 409
            if old == size
            else 422
        )
        assert answer.status == expected
        if answer.status == 200:
            self.cosigned.append((size, merkle.root(hashes)))

    @rule()
    def restart(self):
        path = self.store.path
        self.store.close()
        self.store = Store(path)

    @invariant()
    def what_was_cosigned_is_one_growing_history(self):
        if not getattr(self, "cosigned", None):
            return
        sizes = [size for size, _ in self.cosigned]
        assert sizes == sorted(sizes)
        assert (self.store.log(ORIGIN).cosigned_size, self.store.log(ORIGIN).cosigned_root) == self.cosigned[-1]
        fits = [
            all(
                merkle.root([merkle.leaf_hash(entry) for entry in branch.all[:size]]) == root
                for size, root in self.cosigned
            )
            for branch in self.branches
        ]
        assert any(fits), "two histories were co-signed"

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


OneHistory.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestOneHistory = OneHistory.TestCase
