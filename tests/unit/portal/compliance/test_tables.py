"""The tables of the regulations say what the code has, and the check finds what they name and is not there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from portal.compliance import references, tables
from portal.compliance.markdown import code, plain
from portal.compliance.pages import pages
from portal.compliance.references import FOLDER, Reference, problem_of_test

CLAUSE = """title = "A regulation for tests"
short = "Test"
edition = "of today"
source = "https://law.example/text"
about = "Nothing but this."

[[clause]]
ref = "1"
name = "A clause"
asks = "Something that a system can do."
met = "met"
how = "It does it."
look = ["{look}"]
tests = ["{test}"]
"""
HERE = "tests/unit/portal/compliance/test_tables.py"
GOOD = {"look": "screen:audit", "test": HERE}


@pytest.fixture
def own_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for one regulation of ours, beside the requirements of the house without their clauses."""
    monkeypatch.setattr(tables, "REGULATIONS", tmp_path)
    listed = tables.read_requirements(tables.REQUIREMENTS)
    bare = tuple(one.model_copy(update={"clauses": ()}) for one in listed.requirements)
    monkeypatch.setattr(tables, "requirements", lambda: listed.model_copy(update={"requirements": bare}))
    tables.regulations.cache_clear()
    yield tmp_path
    tables.regulations.cache_clear()


def write(folder: Path, **named: str) -> None:
    (folder / "test.toml").write_text(CLAUSE.format(**GOOD | named))
    tables.regulations.cache_clear()


def test_the_pages_are_as_the_tables_have_them():
    folder: Path = settings.BASE_DIR / FOLDER
    assert {path.name: path.read_text() for path in folder.glob("*.md")} == pages()


def test_everything_that_the_tables_name_is_there():
    assert list(tables.problems()) == []


def test_every_requirement_is_traced_to_tests_and_clauses():
    listed = tables.requirements()
    clauses = {
        f"{regulation.code} {clause.ref}" for regulation in tables.regulations() for clause in regulation.clauses
    }
    named = {clause for one in listed.requirements for clause in one.clauses}

    claimed = {
        f"{regulation.code} {clause.ref}"
        for regulation in tables.regulations()
        for clause in regulation.clauses
        if clause.met in {"met", "partly"}
    }

    assert named <= clauses
    assert claimed - named == set()
    assert all(listed.of_area(area) for area in listed.areas)
    thin = [one.id for one in listed.requirements if one.risk == "high" and len(one.tests) < 2]
    assert thin == []


def test_all_four_regulations_are_there_clause_by_clause():
    found = {one.code: {clause.ref for clause in one.clauses} for one in tables.regulations()}

    assert list(found) == ["part-11", "annex-11", "gdpr", "hipaa"]
    assert {f"11.10({letter})" for letter in "abcdefghijk"} <= found["part-11"]
    assert {f"11.300({letter})" for letter in "abcde"} | {"11.30", "11.70"} <= found["part-11"]
    assert {str(number) for number in range(1, 18)} <= {ref.partition(".")[0] for ref in found["annex-11"]}


def test_a_good_table_passes(own_tables):
    write(own_tables)
    assert list(tables.problems()) == []


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"test": f"{HERE}::test_that_nobody_wrote"}, "holds no test “test_that_nobody_wrote”"),
        ({"test": "tests/unit/portal/test_nothing.py::test_it"}, "there is no test file"),
        ({"test": "tests/../manage.py"}, "there is no test file"),
        ({"test": "tests/conftest.py"}, "holds no test"),
        ({"look": "screen:no_such_screen"}, "there is no screen “no_such_screen”"),
        ({"look": "command:no_such_command"}, "there is no command “no_such_command”"),
        ({"look": "module:portal.no_such_module"}, "there is no module “portal.no_such_module”"),
        ({"look": "module:nowhere.at.all"}, "there is no module “nowhere.at.all”"),
        ({"look": "program:ledger.log"}, "there is no program “ledger.log”"),
        ({"look": "setting:NEEDLEPOINT_NOTHING"}, "there is no setting “NEEDLEPOINT_NOTHING”"),
        ({"look": "permission:nothing.do"}, "there is no permission “nothing.do”"),
        ({"look": "page:how-to/nothing.md"}, "there is no page “how-to/nothing.md”"),
        ({"look": "file:nothing.txt"}, "there is no file “nothing.txt”"),
        ({"look": "make:nothing"}, "there is no make “nothing”"),
    ],
)
def test_a_clause_that_names_what_is_not_there_fails_the_check(own_tables, named, said):
    write(own_tables, **named)

    with pytest.raises(CommandError) as refused:
        call_command("compliance_tables", "--check")

    first, finding, *more = str(refused.value).splitlines()
    assert first == "The tables of compliance name what is not there:"
    assert finding.startswith("Test 1: ")
    assert said in finding
    assert more == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('met = "met"', 'met = "perfectly"', "clauses/0/met"),
        ('met = "met"', 'met = "partly"', "says what lacks"),
        ('met = "met"', 'met = "met"\nlacks = "something"', "what lacks something is not met"),
        ('met = "met"', 'met = "organisation"', "the organisation's duty has to be said"),
        ('look = ["screen:audit"]', "", "where to look"),
        ('["screen:audit"]', '["somewhere"]', "is no place to look"),
        ('ref = "1"', 'reference = "1"', "clauses/0/"),
        ("[[clause]]", "[[clause", "cannot be read"),
    ],
)
def test_a_table_that_says_too_little_or_too_much_is_refused(own_tables, old, new, said):
    (own_tables / "test.toml").write_text(CLAUSE.format(**GOOD).replace(old, new))

    with pytest.raises(CommandError) as refused:
        call_command("compliance_tables", "--check")

    assert said in str(refused.value)
    assert "test.toml" in str(refused.value)


def test_a_clause_stands_once(own_tables):
    twice = CLAUSE.format(**GOOD)
    (own_tables / "test.toml").write_text(twice + twice[twice.index("[[clause]]") :])
    with pytest.raises(tables.TablesInvalid, match="clauses stand twice: 1"):
        tables.regulations()


def test_check_fails_when_a_page_is_out_of_date_or_is_none_of_ours(tmp_path, monkeypatch):
    root: Path = settings.BASE_DIR
    for name in ("docs", "tests", "Makefile", "scripts", "static", "portal", "custody", "ledger", "manufacturing"):
        (tmp_path / name).symlink_to(root / name)
    for name in ("CHANGELOG.md", "requirements.txt", ".ci"):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / "docs").unlink()
    shutil.copytree(root / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("*.png"))
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    call_command("compliance_tables", "--check")
    page = tmp_path / FOLDER / "part-11.md"
    page.write_text(page.read_text().replace("Met by the product", "Surely met", 1))
    (tmp_path / FOLDER / "part-12.md").write_text("# A page of nobody\n")

    with pytest.raises(CommandError, match=r"part-11\.md, part-12\.md"):
        call_command("compliance_tables", "--check")

    call_command("compliance_tables", verbosity=0)
    call_command("compliance_tables", "--check")
    assert not (tmp_path / FOLDER / "part-12.md").exists()


def test_tests_are_found_by_reading_and_not_by_running():
    people = "tests/integration/portal/accounts/test_people.py"
    assert problem_of_test(f"{people}::TestPages::test_a_nurse_manages_nobody") == ""
    assert problem_of_test(f"{people}::TestPages") == ""
    assert problem_of_test(f"{people}::test_a_nurse_manages_nobody") != ""
    assert problem_of_test("tests/unit/custody/contract/test_sequences.py") == ""


def test_places_are_shown_as_people_know_them():
    assert Reference.read("screen:audit").words == "/audit/"
    assert Reference.read("command:verify").words == "manage.py verify"
    assert Reference.read("program:ledger.verify").words == "python -m ledger.verify"
    assert Reference.read("module:portal.audit").path == "portal/audit/__init__.py"
    assert Reference.read("module:ledger.log.triggers").path == "ledger/log/triggers.py"
    references.forget()


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "[x](https://evil.example)",
        "<script>alert(1)</script>",
        "*bold* _it_ ~no~",
        "# head",
        "1. one",
        "- x",
        "`x`",
    ],
)
def test_text_is_never_markup(text):
    shown = plain(text)
    for mark in "|[]<>*_~`":
        assert all(shown[place - 1] == "\\" for place, letter in enumerate(shown) if letter == mark)
    assert not shown.startswith(("#", "- ", "1. "))


def test_code_keeps_its_fence_and_its_line():
    assert code("a|b") == "`a\\|b`"
    assert code("a``b") == "```a``b```"
    assert code("`a`") == "`` `a` ``"
    assert "\n" not in code("a\nb\u2028c") + plain("a\r\nb\x0bc")
