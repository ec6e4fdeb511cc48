"""The sheets about the system: requirements, installation and operational qualification, and the matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.clock import stamp
from portal.compliance.tables import RISKS, Requirement, requirements
from portal.validation import scripts
from portal.validation.installation import Check, Section, count, failures
from portal.validation.results import Outcome, Results
from portal.validation.sheets import BLANK, Block, Cell, Heading, Sheet, Signatures, Table, Text, Tone, cells

WHO = ("Prepared by", "Performed by", "Reviewed by (quality)", "Approved by (process owner)")
BY_HAND: tuple[tuple[str, str], ...] = (
    ("manage.py verify", "One line that begins “All holds”"),
    ("manage.py restore_drill", "One line that begins “The drill holds”"),
    ("Server clock against the organisation's time source", "Differs by less than one second"),
    ("Certificate of the public address, from outside", "Valid, of this host, TLS 1.2 or newer"),
    ("Mail: a password link to a test account", "Arrives, and leads to the public address"),
    ("Key-encryption key", "Kept apart from database and backups, by named people"),
    ("Backup of database and keystore", "Taken, restored elsewhere, and verified there"),
    ("Erasure folder (NEEDLEPOINT_ERASURE_DIR)", "Lies where a restore of the database does not reach"),
    ("Database roles", "The portal's role owns no table and cannot alter one"),
    ("The organisation's own witness", "Co-signs; its last checkpoint is less than five minutes old"),
    ("Each label printer and scanner in use", "A printed label reads back to its identifier"),
)
"""Checks of the IQ that no program can make from inside."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What every sheet states of itself."""

    made_at: datetime
    version: str
    commit: str
    digest: str

    def lines(self) -> tuple[tuple[str, Cell], ...]:
        return (
            ("Made at", Cell(stamp(self.made_at))),
            ("Needlepoint", Cell(self.version)),
            ("Commit", Cell(self.commit or "no git checkout", "code")),
            ("SHA-256 of the source", Cell(self.digest, "code")),
            ("Organisation, site and system number", BLANK),
        )


def iq(facts: Facts, sections: Sequence[Section]) -> Sheet:
    """Installation qualification: expected against found, and what has to be looked at by hand."""
    failed, passed, judged = len(failures(sections)), count(sections, "pass"), count(sections, "judge")
    said = f"{passed} checks pass, {failed} fail, {judged} are for the tester to judge"
    blocks: list[Block] = [
        Text(
            "Found by the program at the moment stated above, from inside the installation. Whoever performs the "
            "protocol compares each line, judges those without an expected value by the organisation's own "
            "specification, and fills in the last column. A line that fails needs a deviation with its number."
        )
    ]
    number = 0
    for section in sections:
        rows = []
        for check in section.checks:
            number += 1
            rows.append(
                cells(
                    str(number),
                    check.what,
                    _as(check, check.expected),
                    _as(check, check.found),
                    _verdict(check.verdict),
                    BLANK,
                )
            )
        blocks += [Heading(section.title), Text(section.lead)]
        head = ("No.", "What", "Expected", "Found", "Outcome", "Initials, date")
        blocks.append(Table(head, (0.5, 2.8, 2.6, 4.2, 1.1, 1.5), tuple(rows)))
    by_hand = []
    for what, expected in BY_HAND:
        number += 1
        by_hand.append(cells(str(number), what, expected, BLANK, BLANK, BLANK))
    blocks += [
        Heading("By hand"),
        Text("What no program can see from inside."),
        Table(
            ("No.", "What", "Expected", "Found", "Pass or fail", "Initials, date"),
            (0.5, 3, 3, 3.2, 1.1, 1.5),
            tuple(by_hand),
            to_fill=True,
        ),
        Heading("Signatures"),
        Signatures(WHO),
    ]
    return Sheet(
        "IQ", "Installation qualification", facts.lines(), Cell(said, "bad" if failed else "ok"), tuple(blocks)
    )


def oq(facts: Facts, results: Results) -> Sheet:
    """Operational qualification: for each requirement the tests that show it, and what they gave."""
    listed = requirements()
    states = Counter(state_of(one, results) for one in listed.requirements)
    blocks: list[Block] = [Text(OQ_LEAD), Heading("The runs"), _runs(facts, results)]
    for area, name in listed.areas.items():
        blocks.append(Heading(name))
        for one in listed.of_area(area):
            blocks += _tested(one, results)
    blocks += [Heading("Signatures"), Signatures(WHO)]
    foreign = results.of_another(facts.digest)
    whole = states["shown"] == len(listed.requirements) and all(one.source for one in results.files)
    tone: Tone = "bad" if states["failed"] or foreign else "ok" if whole else "open"
    said = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    if foreign:
        said += "; RESULTS OF ANOTHER SOURCE than is installed"
    return Sheet(
        "OQ",
        "Operational qualification",
        facts.lines(),
        Cell(f"{len(listed.requirements)} requirements: {said}", tone),
        tuple(blocks),
    )


OQ_LEAD = (
    "Each requirement with the automated tests that show it. Outcomes are read from the files of results named below "
    "and from nowhere else: a test that is not in them is marked as missing, and without a file nothing was run. A "
    "requirement is shown when each of its tests passed. The tests ran in the environment in which those "
    "files were made, which is not this installation unless you ran them here."
)
STATES = ("shown", "failed", "incomplete", "not run")


def state_of(one: Requirement, results: Results) -> str:
    """How far the results show a requirement, one of `STATES`."""
    words = {results.outcome(node).word for node in one.tests}
    if "failed" in words:
        return "failed"
    if words == {"passed"}:
        return "shown"
    return "not run" if words == {"not run"} else "incomplete"


def matrix(facts: Facts, results: Results) -> Sheet:
    """From each requirement to its clauses, tests, outcome and scripts, and back from each clause."""
    listed = requirements()
    rows = []
    for one in listed.requirements:
        outcomes = "\n".join(f"{_word(results.outcome(node))}  {_short(node)}" for node in one.tests)
        tried = ", ".join(str(number) for number in scripts.scripts_showing(one.id))
        rows.append(
            cells(
                f"{one.id}\n{one.name}",
                one.risk,
                "\n".join(one.clauses),
                Cell(outcomes, "code"),
                _state(state_of(one, results)),
                f"PQ {tried}" if tried else "–",
            )
        )
    by_clause: dict[str, list[str]] = {}
    for one in listed.requirements:
        for clause in one.clauses:
            by_clause.setdefault(clause, []).append(one.id)
    head = ("Requirement", "Risk", "Clauses", "Tests", "OQ", "PQ")
    blocks: tuple[Block, ...] = (
        Text("Every requirement with what it answers to, what shows it, and what came of it."),
        Table(head, (2.3, 0.8, 1.9, 5.4, 1.1, 0.9), tuple(rows)),
        Heading("From clause to requirement"),
        Table(
            ("Clause", "Requirements"),
            (2, 5),
            tuple(cells(clause, ", ".join(by_clause[clause])) for clause in sorted(by_clause)),
        ),
        Heading("Signatures"),
        Signatures(WHO[:1] + WHO[2:]),
    )
    return Sheet("TM", "Traceability matrix", facts.lines(), Cell(""), blocks)


def specification(facts: Facts) -> Sheet:
    """The requirements themselves, to be approved before anything is performed."""
    listed = requirements()
    blocks: list[Block] = [
        Text(listed.about),
        Table(("Risk", "Means"), (1, 8), tuple(cells(risk, words) for risk, words in RISKS.items())),
    ]
    for area, name in listed.areas.items():
        rows = tuple(
            cells(one.id, f"{one.name}\n{one.says}", f"{one.risk}\n{one.because}", one.lacks, BLANK)
            for one in listed.of_area(area)
        )
        head = ("No.", "Requirement", "Risk, and why", "What lacks today", "Accepted as it is")
        blocks += [Heading(name), Table(head, (1.1, 4.4, 2.4, 2.3, 1.2), rows)]
    blocks += [
        Heading("The organisation's own requirements"),
        Table(*_own_rows()),
        Heading("Signatures"),
        Signatures(WHO),
    ]
    lacking = sum(bool(one.lacks) for one in listed.requirements)
    said = f"{len(listed.requirements)} requirements, {lacking} of them with something that lacks today"
    return Sheet("URS", "Requirements", facts.lines(), Cell(said, "open"), tuple(blocks))


def words_of(outcome: Outcome) -> str:
    """An outcome in words."""
    said = _word(outcome)
    return f"{said} ({outcome.note})" if outcome.note else said


def _own_rows() -> tuple[tuple[str, ...], tuple[float, ...], tuple[tuple[Cell, ...], ...], bool]:
    head = ("No.", "Requirement", "Risk", "Shown by", "Initials, date")
    return head, (1, 5, 1, 3, 1.4), tuple((BLANK,) * len(head) for _ in range(6)), True


def _runs(facts: Facts, results: Results) -> Block:
    if not results.files:
        return Text("No file of results was given (--results): every outcome below says “not run”.")
    said = {"": Cell("not stated", "open"), facts.digest: Cell("as installed", "ok")}
    rows = tuple(
        cells(
            one.name,
            one.started or "not stated",
            f"{one.cases:,}",
            said.get(one.source, Cell("ANOTHER than is installed", "bad")),
            Cell(one.sha256, "code"),
        )
        for one in results.files
    )
    return Table(("File", "Run began", "Cases", "Source that was tested", "SHA-256"), (1.6, 2, 0.7, 1.8, 4.4), rows)


def _tested(one: Requirement, results: Results) -> Iterator[Block]:
    yield Heading(f"{one.id} {one.name}", 3)
    lacks = f" Lacks: {one.lacks}" if one.lacks else ""
    yield Text(f"{one.says} Risk: {one.risk}.{lacks}")
    rows = tuple(
        cells(
            Cell(node, "code"), "passes", _outcome(results.outcome(node)), str(results.outcome(node).cases or ""), BLANK
        )
        for node in one.tests
    )
    yield Table(("Test", "Expected", "Outcome", "Cases", "Initials, date"), (7, 0.8, 2.4, 0.6, 1.3), rows)


def _word(outcome: Outcome) -> str:
    return {"failed": "FAILED", "missing": "MISSING"}.get(outcome.word, outcome.word)


def _short(node: str) -> str:
    return node.rpartition("::")[2] if "::" in node else node.rpartition("/")[2]


def _as(check: Check, text: str) -> Cell:
    return Cell(text, "code" if check.is_code else "plain")


def _verdict(verdict: str) -> Cell:
    return {"pass": Cell("pass", "ok"), "fail": Cell("FAIL", "bad")}.get(verdict, Cell("to judge", "open"))


def _state(state: str) -> Cell:
    return {"shown": Cell("shown", "ok"), "failed": Cell("FAILED", "bad")}.get(state, Cell(state, "open"))


def _outcome(outcome: Outcome) -> Cell:
    tone: Tone = "ok" if outcome.is_shown else "bad" if outcome.word in {"failed", "missing"} else "open"
    return Cell(words_of(outcome), tone)
