"""`seed_demo`, `journey` and `verify`, as an operator or an engineer runs them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from custody.protocols import document
from custody.therapies.models import Therapy
from ledger.clock import now
from ledger.log.models import PendingRecord, Record
from ledger.log.verification import findings
from portal.accounts import demonstration
from portal.accounts.roles import ROLES
from portal.demonstration import consortium, telling
from portal.demonstration.members import MEMBERS
from portal.demonstration.stories import Case
from portal.demonstration.story import Story
from tests import databases

SMALL = (
    Case("cd19-fresh", "X0042", 9.0, Story("rest", stop_before="booking")),
    Case("cd19-fresh", "X0117", 4.0, Story("declined", declined=True)),
    Case("bcma-frozen", "X0042", 2.0, Story("to decide", stop_before="payer-approval")),
)


@pytest.fixture
def small(monkeypatch):
    """Three stories in place of all."""
    monkeypatch.setattr(telling, "cases", lambda: iter(SMALL))
    monkeypatch.setattr(consortium, "LOGGERS_A_COURIER", 2)


@pytest.mark.django_db
def test_seeding_makes_a_consortium_that_verifies_and_can_be_signed_in_to(small, capsys, client):
    call_command("seed_demo")

    said = capsys.readouterr().out
    assert "3 therapies in" in said
    assert sorted(Therapy.objects.values_list("status", flat=True)) == ["active", "active", "declined"]
    assert not PendingRecord.objects.exists()
    assert [str(finding) for finding in findings()] == []
    accounts = [one for group in demonstration.accounts(now()) for one in group.accounts]
    assert {one.role_code for one in accounts} == ROLES.keys()
    page = client.get("/accounts/login/").content.decode()
    assert all(member.name in page for member in MEMBERS)


@pytest.mark.django_db
def test_seeding_twice_is_refused_or_let_be(small, capsys):
    call_command("seed_demo")
    before = Record.objects.count()

    with pytest.raises(CommandError, match="There are therapies already"):
        call_command("seed_demo")
    call_command("seed_demo", "--if-empty")

    assert capsys.readouterr().out.endswith("The demonstration is already there.\n")
    assert Record.objects.count() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "words"), [("seed_demo", "production mode"), ("journey", "demonstration mode only")]
)
def test_production_gets_no_invented_patients(settings, command, words):
    settings.DEMONSTRATION = False

    with pytest.raises(CommandError, match=words):
        call_command(command)

    assert not Record.objects.exists()


@pytest.mark.django_db
def test_a_journey_under_an_unknown_protocol_names_the_known_ones():
    with pytest.raises(CommandError, match="Choose one of: bcma-frozen, cd19-fresh, hsc-edited"):
        call_command("journey", protocol="til")


@pytest.mark.prover
def test_a_journey_goes_from_order_to_verified_proof_and_a_changed_row_is_named(manage, tmp_path):
    """In processes of their own, as an engineer runs them; the keys are those that lie in the cache."""
    databases.new_sqlite(tmp_path / "data" / "needlepoint.sqlite3")

    walked = manage("journey", timeout=900)

    assert walked.returncode == 0, walked.stdout[-2000:] + walked.stderr[-2000:]
    lines = walked.stdout.splitlines()
    assert len([line for line in lines if "proof verifies, and says what the ledger says" in line]) == _segments()
    steps = [line.split() for line in lines if len(line.split()) > 6 and line.split()[4].isdigit()]
    assert [int(words[4]) for words in steps] == sorted({int(words[4]) for words in steps})
    assert len(steps) > 20

    held = manage("verify", "--quiet")
    assert (held.returncode, held.stdout.count("\n")) == (0, 1)
    assert held.stdout.startswith("All holds: ")

    row = _tamper(tmp_path / "data" / "needlepoint.sqlite3")
    found = manage("verify", "--quiet")
    assert found.returncode == 1
    assert found.stdout.startswith(f"custody_steprecord {row}: in_limits is ")


def _segments() -> int:
    path = Path(settings.BASE_DIR) / "protocols" / "cd19-fresh.json"
    return len(document.read(json.loads(path.read_text())).segments)


def _tamper(database: Path) -> str:
    """Make a step look as if it had been out of limits, and return its row's key."""
    with sqlite3.connect(database) as tables:
        (key,) = tables.execute("SELECT id FROM custody_steprecord ORDER BY number LIMIT 1 OFFSET 5").fetchone()
        tables.execute("UPDATE custody_steprecord SET in_limits = NOT in_limits WHERE id = ?", [key])
    return str(UUID(key))
