"""From where on a divergence puts history in doubt, and whose word is enough for that."""

from __future__ import annotations

from uuid import UUID

import pytest

from ledger.clock import stamp
from ledger.crypto import checkpoint, cosignature, merkle, notes
from ledger.crypto.ed25519 import InMemorySigner
from ledger.divergence import report
from ledger.divergence.doubt import Told, doubt_of, liars
from tests.unit.ledger.witness.logs import STARTED

ORIGIN = "doubt.example/log"
LOG = InMemorySigner(b"\x01" * 32)
LOG_KEY = notes.vkey(ORIGIN, LOG.public_key)


def note(size: int, root: bytes) -> bytes:
    return notes.sign_note(checkpoint.body(ORIGIN, size, merkle.leaf_hash(root)), ORIGIN, LOG).encode()


def told(number: int, kind: str, *, index: int | None = None, size: int = 9, other: bytes = b"two") -> Told:
    """A report by the witness of the member of this number."""
    signer, name = InMemorySigner(bytes([number]) * 32), f"witness-{number}.example"
    made = report.compose(
        witness=name,
        signer=signer,
        log=ORIGIN,
        kind=kind,
        size=size,
        index=index,
        problem="It broke.",
        detected_at=stamp(STARTED),
        evidence={"seen.note": note(9, b"one"), "shown.note": note(9, other)},
    )
    return Told(UUID(int=number), cosignature.vkey(name, signer.public_key), report.parse(made))


def test_a_proven_fork_counts_from_the_first_report_and_from_its_place():
    found = doubt_of([told(2, "split_view", index=4)], log_key=LOG_KEY, members=5)
    assert (found.agreed, found.size) == (4, 9)


def test_the_earliest_place_counts():
    found = doubt_of([told(2, "split_view", index=4), told(3, "split_view", index=2)], log_key=LOG_KEY, members=5)
    assert found.agreed == 2


def test_a_fork_without_a_place_leaves_it_open():
    assert doubt_of([told(2, "split_view")], log_key=LOG_KEY, members=5).agreed is None


def test_what_the_evidence_does_not_prove_counts_for_nothing():
    assert doubt_of([told(2, "split_view", index=4, other=b"one")], log_key=LOG_KEY, members=5) is None


@pytest.mark.parametrize("kind", ["altered_entry", "contract", "stale", "mismatch", "truncated"])
def test_other_divergences_put_no_history_in_doubt(kind):
    assert doubt_of([told(number, kind, index=4) for number in (2, 3, 4)], log_key=LOG_KEY, members=5) is None


def test_a_rollback_counts_when_one_honest_member_must_be_among_those_who_say_so():
    first, second = told(2, "rollback", size=6), told(3, "rollback", size=7)
    assert doubt_of([first], log_key=LOG_KEY, members=5) is None
    assert doubt_of([first, first], log_key=LOG_KEY, members=5) is None, "one member is one member"
    assert doubt_of([first, second], log_key=LOG_KEY, members=5).agreed == 6


@pytest.mark.parametrize(("members", "expected"), [(0, 0), (1, 0), (3, 0), (4, 1), (5, 1), (7, 2), (10, 3)])
def test_how_many_members_may_lie(members, expected):
    assert liars(members) == expected
