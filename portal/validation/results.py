"""What tests gave, read from the JUnit XML that pytest writes (`--junitxml`); nothing is ever made up.

A test may have several cases (its parameters) and may have run in several passes, each with a file of its own: a case
that failed anywhere has failed, one that passed somewhere and was left out elsewhere has passed.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from portal.compliance.markdown import one_line
from portal.validation.source import PROPERTY

Word = Literal["passed", "failed", "skipped", "missing", "not run"]
MAX_BYTES = 200_000_000
LONGEST_NOTE = 200
_RANK: Mapping[str, int] = {"skipped": 0, "passed": 1, "failed": 2}
_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


class ResultsUnreadable(Exception):
    """A file is no JUnit XML; the message names it."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file of results as it was read: its SHA-256, when the run began (as the file says), its cases, and the digest
    of the source that was tested, where the run stated it."""

    name: str
    sha256: str
    started: str
    cases: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a test named by a requirement. `note` says which case failed, or why it was left out."""

    word: Word
    cases: int = 0
    note: str = ""

    @property
    def is_shown(self) -> bool:
        return self.word == "passed"


@dataclass(frozen=True, slots=True)
class _Case:
    word: Literal["passed", "failed", "skipped"]
    note: str


class Results:
    """The cases of every file together. Without a file nothing has been run."""

    def __init__(self) -> None:
        self.files: list[ResultFile] = []
        self._cases: dict[str, dict[str, _Case]] = {}

    def add(self, name: str, data: bytes) -> None:
        """Read one file's bytes. Raises ResultsUnreadable."""
        if len(data) > MAX_BYTES:
            raise ResultsUnreadable(f"{name} is larger than {MAX_BYTES:,} bytes.")
        if _DECLARATION.search(data):
            raise ResultsUnreadable(f"{name} declares entities, which no test run does.")
        try:
            # Entities are refused above, and nothing is fetched from outside: expat has no network.
            tree = ElementTree.fromstring(data)  # noqa: S314
        except ElementTree.ParseError as problem:
            raise ResultsUnreadable(f"{name} is no JUnit XML: {problem}") from None
        suites = [tree] if tree.tag == "testsuite" else tree.findall("testsuite")
        if tree.tag not in {"testsuite", "testsuites"} or not suites:
            raise ResultsUnreadable(f"{name} is no JUnit XML: it begins with “{one_line(tree.tag)}”.")
        count = 0
        for suite in suites:
            for element in suite.iter("testcase"):
                self._keep(element)
                count += 1
        digest = hashlib.sha256(data).hexdigest()
        started = one_line(suites[0].get("timestamp", ""))
        self.files.append(ResultFile(one_line(name), digest, started, count, _source(suites)))

    def of_another(self, source: str) -> list[ResultFile]:
        """The files that state another source than this one."""
        return [one for one in self.files if one.source not in {"", source}]

    def outcome(self, node: str) -> Outcome:
        """What became of the test with pytest's node id `node`, of a file, class or function."""
        if not self.files:
            return Outcome("not run")
        cases = self._of(node)
        if not cases:
            return Outcome("missing", note="not in the results")
        failed = [(name, case) for name, case in cases if case.word == "failed"]
        passed = sum(case.word == "passed" for _, case in cases)
        if failed:
            name, case = failed[0]
            return Outcome("failed", len(cases), f"{len(failed)} of {len(cases)}: {name}. {case.note}".strip())
        if not passed:
            return Outcome("skipped", len(cases), cases[0][1].note)
        left_out = len(cases) - passed
        return Outcome("passed", len(cases), f"{left_out} of {len(cases)} left out" if left_out else "")

    def _keep(self, element: ElementTree.Element) -> None:
        where, name = element.get("classname", ""), element.get("name", "")
        case = _case(element)
        known = self._cases.setdefault(where, {}).get(name)
        if known is None or _RANK[case.word] > _RANK[known.word]:
            self._cases[where][name] = case

    def _of(self, node: str) -> list[tuple[str, _Case]]:
        path, *names = node.split("::")
        module = path.removesuffix(".py").replace("/", ".")
        if not names:
            inside = (f"{module}.",)
            places = [where for where in self._cases if where == module or where.startswith(inside)]
            return [item for where in places for item in self._cases[where].items()]
        of_class = self._cases.get(".".join([module, *names]), {})
        function = self._cases.get(".".join([module, *names[:-1]]), {})
        exact = [(name, case) for name, case in function.items() if name.partition("[")[0] == names[-1]]
        return exact + list(of_class.items())


def read(paths: Iterable[Path]) -> Results:
    """Read every file. Raises ResultsUnreadable."""
    results = Results()
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise ResultsUnreadable(f"{path} cannot be read: {problem.strerror or problem}") from None
        results.add(path.name, data)
    return results


def _source(suites: Iterable[ElementTree.Element]) -> str:
    for suite in suites:
        for found in suite.findall("properties/property"):
            if found.get("name") == PROPERTY:
                return one_line(found.get("value", ""))
    return ""


def _case(element: ElementTree.Element) -> _Case:
    for tag in ("failure", "error"):
        found = element.find(tag)
        if found is not None:
            return _Case("failed", _note(found))
    found = element.find("skipped")
    return _Case("passed", "") if found is None else _Case("skipped", _note(found))


def _note(element: ElementTree.Element) -> str:
    said = one_line((element.get("message") or element.text or "").strip().split("\n")[0])
    return said if len(said) <= LONGEST_NOTE else f"{said[: LONGEST_NOTE - 1]}…"
