"""`manage.py publish_protocol` checks, publishes, and says what is wrong."""

from __future__ import annotations

import json
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from custody.protocols.queries import shipped
from ledger.log.models import Document
from ledger.log.world import DatabaseWorld
from ledger.parties.operations import enrol_party, founding_actor


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(shipped()[0]), encoding="utf-8")
    return path


def test_a_document_is_checked_without_a_database(file: Path) -> None:
    out = StringIO()
    call_command("publish_protocol", "--check", str(file), stdout=out)
    assert out.getvalue().endswith("right.\n")


@pytest.mark.django_db
def test_a_document_is_published_once(file: Path, at: datetime) -> None:
    DatabaseWorld.forget()
    enrol_party(
        code="OPERATOR", name="Operator", kind="operator", country="DE", city="Bonn", time_zone="Europe/Berlin",
        by=founding_actor(), at=at, key="enrol-operator",
    )  # fmt: skip
    call_command("publish_protocol", str(file), stdout=StringIO())
    call_command("publish_protocol", str(file), stdout=StringIO())
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "is not JSON: line 1"), ("[]", "document"), ('{"format": 1}', "not right at"), ("\x80", "is not JSON")],
)
def test_what_is_wrong_is_said(content: str, words: str, file: Path) -> None:
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match=words):
        call_command("publish_protocol", "--check", str(file))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("publish_protocol", "--check", str(tmp_path / "none.json"))
