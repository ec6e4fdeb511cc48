"""An exported trail is data and nothing else: no cell of it is a formula to a spreadsheet program."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from uuid import UUID

import pytest

from portal.audit.queries import AuditLine
from portal.audit.spreadsheet import COLUMNS, safe, text_of

SOMEBODY = UUID(int=7)


def line(**changed):
    values = {
        "id": UUID(int=1),
        "kind": "event",
        "at": datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
        "who": "Ada Berg",
        "person": SOMEBODY,
        "party": SOMEBODY,
        "role": "administrator",
        "what": "Gave a person a role",
        "subject": "Bo Lund",
        "therapy": None,
        "why": "",
    }
    return AuditLine(**values | changed)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_what_would_be_run_is_text(start):
    cell = f'{start}HYPERLINK("https://evil.example","Open")'

    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Ada Berg", "2026-11-28", "a=b", "x-1", "5"])
def test_other_text_stays_as_it_is(cell):
    assert safe(cell) == cell


def test_a_name_that_is_a_formula_comes_out_as_a_name():
    rows = list(csv.reader(io.StringIO(text_of([line(who="=1+1", why='a "quoted", word')], {SOMEBODY: "@Clinic"}))))

    assert rows[0] == list(COLUMNS)
    assert rows[1][2] == "'=1+1"
    assert rows[1][5] == "'@Clinic"
    assert rows[1][8] == 'a "quoted", word'


def test_values_before_and_after_stand_in_columns_of_their_own():
    text = text_of([line(changes=(("role", "Nurse", ""), ("until", "", "2026")))], {})

    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["before"], row["after"]) == ("role: Nurse; until: ", "role: ; until: 2026")
