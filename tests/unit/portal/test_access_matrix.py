"""The page that says who may do what is what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from portal.access import may, rule_of
from portal.management.commands.access_matrix import door, page, shown


def test_the_page_in_the_documentation_is_up_to_date():
    assert (Path(settings.BASE_DIR) / "docs" / "reference" / "access-matrix.md").read_text() == page()


def test_check_fails_when_a_rule_has_changed(tmp_path, monkeypatch):
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    call_command("access_matrix")
    call_command("access_matrix", "--check")
    written = tmp_path / "docs" / "reference" / "access-matrix.md"
    written.write_text(written.read_text().replace("●", "", 1))

    with pytest.raises(CommandError, match="make docs"):
        call_command("access_matrix", "--check")


def test_an_address_says_who_gets_past_its_door():
    assert door(rule_of("open_inspection")) == "Inspector"
    assert door(rule_of("account_signup")) == "nobody"
    assert door(may("hold.break")) == "Physician, Qualified Person"
    assert door(None) == "nobody: it has no rule"


def test_patterns_are_shown_as_people_read_them():
    assert shown(r"^accounts/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$") == "accounts/key/<uidb36>-<key>/"
