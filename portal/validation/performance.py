"""The performance qualification as a sheet: the journey by role, and what each role tries besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from custody.protocols.document import Protocol
from portal.accounts.roles import ROLES
from portal.compliance.references import screens
from portal.validation import scripts
from portal.validation.protocols import WHO, Facts
from portal.validation.sheets import BLANK, Block, Cell, Heading, Sheet, Signatures, Table, Text, cells


def pq(facts: Facts, documents: Sequence[Protocol]) -> Sheet:
    """Performance qualification: scripts by role, to be performed by the organisation's own people."""
    blocks: list[Block] = [Text(PQ_LEAD)]
    for protocol in documents:
        blocks += _journey(protocol)
    blocks += [Heading("What each role tries besides"), Text(TRIES_LEAD)]
    for number, script in enumerate(scripts.scripts(), 1):
        acts = [cells(f"{number}.{place}", act, BLANK, BLANK) for place, act in enumerate(script.do, 1)]
        where = " or ".join(screens()[script.screen])
        blocks += [
            Heading(f"{number} {ROLES[script.role].name}: {script.title}", 3),
            Text(f"Where: {where}. Shows {', '.join(script.shows)}."),
            Text(f"Expected: {script.expect}"),
            Table(("No.", "Do", "What was seen; pass or fail", "Initials, date"), (0.6, 5, 4, 1.6), tuple(acts), True),
        ]
    blocks += [Heading("Signatures"), Signatures(WHO)]
    names = "; ".join(f"{one.title} {one.version}" for one in documents)
    facts_of = (*facts.lines(), ("Protocols", Cell(names or "none")))
    return Sheet("PQ", "Performance qualification", facts_of, Cell("To be performed", "open"), tuple(blocks))


PQ_LEAD = (
    "Performed by the organisation's own people, in its own environment, with its own scanners, printers and loggers, "
    "on test patients. Each step is done by a person who holds the role; what was seen is written down at once, in "
    "ink, and a step that differs gets a deviation with its number. Steps, limits, scans and meanings are those of the "
    "protocol document whose digest stands at its head."
)
TRIES_LEAD = "The barriers: what must not be possible, and what has to be seen by whom."


def _journey(protocol: Protocol) -> Iterator[Block]:
    yield Heading(f"{protocol.title}, version {protocol.version}")
    yield Text(f"Protocol {protocol.code}, SHA-256 {protocol.digest}. The journey in its order:")
    yield Table(
        ("No.", "Stage", "Act", "Role", "Organisation", "After"),
        (0.5, 1.4, 3.6, 2.4, 1.8, 1.6),
        tuple(
            cells(
                str(step.number),
                protocol.stage_title(step.stage),
                step.title,
                scripts.who_does(step),
                scripts.PARTIES[step.party],
                ", ".join(str(before.number) for code in step.after if (before := protocol.step(code))) or "–",
            )
            for step in protocol.steps
        ),
    )
    for role in scripts.roles_of(protocol):
        yield Heading(f"{protocol.code}: sheet of the {ROLES[role].name.lower()}", 3)
        rows = tuple(
            cells(
                str(step.number),
                f"{step.title}\n{scripts.way_to(step)}",
                scripts.acts_of(step),
                scripts.expected_of(step),
                BLANK,
                BLANK,
            )
            for step in scripts.steps_of(protocol, role)
        )
        head = ("No.", "Act, and the way to it", "Do", "Expected", "What was seen; pass or fail", "Initials, date")
        yield Table(head, (0.5, 2.1, 3.2, 3.2, 2.2, 1.2), rows, True)
