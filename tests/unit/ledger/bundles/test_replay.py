"""Replaying a bundle's records refuses what no honest log holds, and never stumbles over it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger import rules
from ledger.bundles.replay import Replay
from ledger.crypto.errors import VerificationError
from ledger.parties.contract import RegisterContract
from tests.unit.ledger.witness.logs import ORIGIN, Author, signer_of


@pytest.fixture
def author() -> Author:
    rules.register()
    return Author()


@pytest.fixture
def replay(author) -> Replay:
    replay = Replay(ORIGIN)
    replay.take(author.operator())
    return replay


def test_members_sign_with_the_keys_that_their_register_gives_them(author, replay):
    replay.take(author.member(1))
    replay.take(author.key_of(1, key=7))
    replay.take(author.key_of(1, key=8, signer=signer_of(7)))

    with pytest.raises(VerificationError, match="No signature of this envelope is by a known key"):
        replay.take(author.key_of(1, key=9, signer=signer_of(5)))


def test_what_was_recorded_before_it_happened_is_refused(author, replay):
    def later(entry):
        return entry._replace(occurred_at=entry.recorded_at + timedelta(minutes=6))

    with pytest.raises(VerificationError, match="recorded before it happened"):
        replay.take(author.member(1, change=later))


def test_a_repetition_is_refused(author, replay):
    replay.take(author.member(1))

    with pytest.raises(VerificationError, match="repetition"):
        replay.take(author.member(2, change=lambda entry: entry._replace(key="key-00000002")))


def test_a_record_of_another_log_or_place_is_refused(author, replay):
    with pytest.raises(VerificationError, match="of the log"):
        replay.take(author.member(1, change=lambda entry: entry._replace(log="another.example/log")))
    with pytest.raises(VerificationError, match="does not follow from"):
        replay.take(author.member(2, change=lambda entry: entry._replace(subject=entry.chain)))
    with pytest.raises(VerificationError, match="is missing"):
        replay.take(author.member(3, change=lambda entry: entry._replace(seq=1)))


def test_a_record_that_makes_the_rules_stumble_is_no_crash(author, replay, monkeypatch):
    def stumble(*_):
        raise KeyError("a member that nobody thought of")

    monkeypatch.setattr(RegisterContract, "admit", stumble)

    with pytest.raises(VerificationError, match="makes the shared rules fail"):
        replay.take(author.member(1))
