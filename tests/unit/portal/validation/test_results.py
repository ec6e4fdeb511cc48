"""What a run of pytest gave, read from the file that pytest itself wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest import junitxml
from django.conf import settings

from portal.validation.results import Results, ResultsUnreadable, read
from portal.validation.source import PROPERTY, source_digest
from tests.factories import runs

FILE = "tests/unit/cells/test_cells.py"
CODE = """
import pytest

def test_kept_cold(): pass

@pytest.mark.parametrize("hours", [1, 2, 3])
def test_kept_fresh(hours): assert hours < 3, f"=HYPERLINK(1)|<b>{hours} h</b>"

def test_kept_fresh_for_longer(): pass

@pytest.mark.skip(reason="no broker here")
def test_sent_on(): pass

@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_stored(engine):
    if engine == "postgresql": pytest.skip("no server here")

@pytest.fixture
def broken(): raise RuntimeError("no room")

def test_started(broken): pass

class TestBench:
    def test_one(self): pass
    def test_two(self): assert False
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return read([runs.run(tmp_path_factory.mktemp("run"), {FILE: CODE})])


@pytest.mark.parametrize(
    ("node", "word", "cases"),
    [
        (f"{FILE}::test_kept_cold", "passed", 1),
        (f"{FILE}::test_kept_fresh", "failed", 3),
        (f"{FILE}::test_kept_fresh_for_longer", "passed", 1),
        (f"{FILE}::test_sent_on", "skipped", 1),
        (f"{FILE}::test_stored", "passed", 2),
        (f"{FILE}::test_started", "failed", 1),
        (f"{FILE}::TestBench::test_one", "passed", 1),
        (f"{FILE}::TestBench", "failed", 2),
        (FILE, "failed", 11),
        (f"{FILE}::test_never_written", "missing", 0),
        ("tests/unit/cells/test_cell.py", "missing", 0),
        ("tests/unit/cells/test_other.py::test_kept_cold", "missing", 0),
    ],
)
def test_outcomes_come_from_the_results_and_from_nowhere_else(results, node, word, cases):
    outcome = results.outcome(node)
    assert (outcome.word, outcome.cases) == (word, cases)
    assert Results().outcome(node).word == "not run"


def test_what_failed_is_named_with_its_reason(results):
    assert results.outcome(f"{FILE}::test_kept_fresh").note.startswith(
        "1 of 3: test_kept_fresh[3]. AssertionError: =HYPER"
    )
    assert results.outcome(f"{FILE}::test_sent_on").note == "no broker here"
    assert results.outcome(f"{FILE}::test_stored").note == "1 of 2 left out"


def test_passes_are_taken_together_and_a_failure_anywhere_counts(tmp_path: Path):
    name = "tests/unit/test_engine.py"
    left_out = runs.run(tmp_path, {name: "import pytest\ndef test_it(): pytest.skip('no server')"}, to="a.xml")
    good = runs.run(tmp_path, {name: "def test_it(): pass"}, to="b.xml")
    bad = runs.run(tmp_path, {name: "def test_it(): assert False"}, to="c.xml")

    assert read([left_out]).outcome(f"{name}::test_it").word == "skipped"
    assert read([left_out, good]).outcome(f"{name}::test_it").word == "passed"
    assert read([good, left_out]).outcome(f"{name}::test_it").word == "passed"
    assert read([bad, good, left_out]).outcome(f"{name}::test_it").word == "failed"
    assert [one.name for one in read([good, bad]).files] == ["b.xml", "c.xml"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no JUnit XML"),
        (b"<html></html>", "begins with"),
        (b"<testsuites/>", "is no JUnit XML"),
        (b"<testsuites><testsuite>", "is no JUnit XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><testsuites><testsuite/></testsuites>', "declares entities"),
        (b"\xff\xfe\x00nothing", "is no JUnit XML"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(data, said):
    with pytest.raises(ResultsUnreadable, match=said):
        Results().add("run.xml", data)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ResultsUnreadable, match=r"nothing\.xml cannot be read"):
        read([tmp_path / "nothing.xml"])


def test_a_run_of_our_own_tests_states_its_source(request):
    xml = request.config.stash.get(junitxml.xml_key, None)
    if xml is None:
        pytest.skip("runs where results are written (--junitxml)")
    assert (PROPERTY, source_digest(settings.BASE_DIR)[0]) in xml.global_properties
