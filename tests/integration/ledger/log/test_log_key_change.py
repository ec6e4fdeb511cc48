"""The log's key is changed: announced in the log, both keys sign for a while, then the old one stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from ledger.crypto import checkpoint, notes
from ledger.crypto.errors import VerificationError
from ledger.errors import NotPermitted
from ledger.log import evidence, log_keys, sequencer
from ledger.log.contract import Refused
from ledger.log.models import Checkpoint
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties import key_operations, operations, queries, signing
from ledger.parties.models import Party
from tests import append_only
from tests.factories import keys as given

pytestmark = pytest.mark.django_db

DAYS = 30


@pytest.fixture(autouse=True)
def log(at: datetime) -> Iterator[None]:
    """A log with its operator, one member and one checkpoint."""
    for forget in (DatabaseWorld.forget, queries.forget, signing.forget):
        forget()
    for code, kind in (("OPERATOR", "operator"), ("PAY-1", "payer")):
        operations.enrol_party(
            code=code, name=f"Member {code}", kind=kind, country="DE", city="Heidelberg", time_zone="Europe/Berlin",
            by=operations.founding_actor(), at=at, key=f"enrol-{code}",
        )  # fmt: skip
    sequencer.drain()
    yield
    signing.forget()


def grow(at: datetime, number: int) -> Checkpoint:
    """One more record, and the checkpoint that holds it."""
    member = given.holder(Party.objects.get(code="PAY-1").pk)
    key_operations.add_key(by=member, at=at, key=f"grow-{number:04d}")
    sequencer.drain()
    return newest()


def newest() -> Checkpoint:
    return Checkpoint.objects.latest("size")


def signed_by(row: Checkpoint, vkey: str) -> bool:
    try:
        checkpoint.open_checkpoint(row.note, origin=settings.LOG_ORIGIN, log=notes.parse_vkey(vkey))
    except VerificationError:
        return False
    return True


def test_both_keys_sign_from_the_announcement_on(at: datetime) -> None:
    first, before = evidence.log_key(), newest()
    given.announced(at=at)
    sequencer.drain()
    second = evidence.log_key()
    assert second != first
    assert [(signed_by(row, first), signed_by(row, second)) for row in (before, newest())] == [
        (True, False),
        (True, True),
    ]
    assert evidence.log_key(before.size) == first
    assert list(findings()) == []


def test_the_old_key_stops_when_the_period_is_over(at: datetime) -> None:
    first = evidence.log_key()
    given.announced(at=at, days=DAYS)
    with pytest.raises(Refused, match="Both keys sign until"):
        log_keys.stop_log_key(by=given.steward(), at=at + timedelta(days=DAYS - 1), key="stop-0001")
    log_keys.stop_log_key(by=given.steward(), at=at + timedelta(days=DAYS), key="stop-0002")
    sequencer.drain()
    assert (signed_by(newest(), first), signed_by(newest(), evidence.log_key())) == (False, True)
    assert list(findings()) == []


def test_a_key_is_changed_again(at: datetime) -> None:
    keys = {evidence.log_key()}
    for number in range(2):
        day = at + timedelta(days=number * 40)
        given.announced(at=day)
        log_keys.stop_log_key(by=given.steward(), at=day + timedelta(days=DAYS), key=f"stop-{number:04d}")
        grow(day, number)
        keys.add(evidence.log_key())
    assert len(keys) == 3
    assert [key.signs(newest().size) for key in log_keys.all_keys()] == [False, False, True]
    assert list(findings()) == []


def test_one_change_at_a_time(at: datetime) -> None:
    given.announced(at=at)
    with pytest.raises(Refused, match="being changed already"):
        given.announced(at=at + timedelta(seconds=1))


def test_nobody_but_the_operator_changes_the_logs_key(at: datetime) -> None:
    member = given.holder(Party.objects.get(code="PAY-1").pk)
    with pytest.raises(NotPermitted, match="Only the operator"):
        log_keys.announce_log_key(until=at + timedelta(days=2), by=member, at=at, key="announce-1")


def test_a_period_is_a_day_at_least(at: datetime) -> None:
    with pytest.raises(log_keys.OverlapTooShort):
        log_keys.announce_log_key(until=at + timedelta(hours=3), by=given.steward(), at=at, key="announce-1")


def test_a_checkpoint_without_the_second_signature_is_named(at: datetime) -> None:
    given.announced(at=at)
    row = grow(at, 1)
    text, _, lines = row.note.partition("\n\n")
    for line in lines.splitlines():
        with append_only.lifted(connection):
            Checkpoint.objects.filter(size=row.size).update(note=f"{text}\n\n{line}\n")
        assert [(one.table, one.row) for one in findings()] == [("ledger_checkpoint", str(row.size))]


def test_the_command_says_which_keys_are_in_force() -> None:
    first, said = evidence.log_key(), StringIO()
    call_command("rotate_log_key", "--overlap-days", "2", stdout=said)
    assert first in said.getvalue()
    assert evidence.log_key() in said.getvalue()
    assert "both sign until" in said.getvalue()
    with pytest.raises(CommandError, match="Both keys sign until"):
        call_command("rotate_log_key", "--stop", stdout=said)
