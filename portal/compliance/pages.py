"""The tables as Markdown pages, so that people read what the check has read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from portal.compliance.markdown import code, link, plain, table
from portal.compliance.references import FOLDER, Reference
from portal.compliance.tables import MET, RISKS, Clause, Met, Regulation, Requirement, regulations, requirements

WRITTEN = (
    "Written by `python manage.py compliance_tables` from `portal/compliance/{file}`; `make check` fails when it is "
    "out of date, or when it names a screen, a command, a module or a test that there is not."
)
UP = "/".join(".." for _ in FOLDER.parts)


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    found = {f"{one.code}.md": regulation_page(one) for one in regulations()}
    return {"README.md": front_page(), **found, "requirements.md": requirements_page()}


def front_page() -> str:
    """How far each regulation is met, and how to read the pages."""
    rows = []
    for one in regulations():
        counts = Counter(clause.met for clause in one.clauses)
        rows.append(
            [link(plain(one.short), f"{one.code}.md"), str(len(one.clauses)), *(str(counts[met] or "") for met in MET)]
        )
    listed = requirements()
    lines = [
        "# Compliance",
        "",
        WRITTEN.format(file="regulations/"),
        "",
        "What each regulation asks, clause by clause, in our own words; what in the portal meets it and where to look; "
        "which tests show it; what lacks; and what stays the duty of the organisation that runs or uses the portal. "
        "No software is compliant by itself: procedures, training and the organisation's own validation belong to it. "
        "This is no legal advice, and the text of the law goes before ours.",
        "",
        *table(["regulation", "clauses", *MET.values()], rows),
        "",
        f"The {len(listed.requirements)} [requirements](requirements.md) say what the consortium needs, with a class "
        "of risk and the tests that show each. From them and a run of the tests `manage.py validation_pack` makes the "
        "protocols of an installation ([how to](../../how-to/validate-an-installation.md)).",
        "",
        "| word | meaning |",
        "|---|---|",
        "| Met by the product | the clause's technical part is there and tested; what the organisation adds is said |",
        "| Partly met | part of it is there; *Lacks* says what is not |",
        "| Not met | the product has nothing for it today |",
        "| The organisation's duty | no software can do it; what helps is said |",
        "| Does not apply | and why |",
    ]
    return "\n".join(lines) + "\n"


def regulation_page(regulation: Regulation) -> str:
    """One regulation: an overview, then each clause."""
    lines = [
        f"# {plain(regulation.title)}",
        "",
        WRITTEN.format(file=f"regulations/{regulation.code}.toml"),
        "",
        plain(regulation.about),
        "",
        f"Edition: {plain(regulation.edition)}. Text: <{regulation.source}>.",
        "",
        *table(
            ["clause", "about", "how far"],
            ([plain(one.ref), plain(one.name), MET[one.met]] for one in regulation.clauses),
        ),
        "",
    ]
    for clause in regulation.clauses:
        lines += _clause(clause, named_by(f"{regulation.code} {clause.ref}"))
    return "\n".join(lines).rstrip() + "\n"


def requirements_page() -> str:
    """Every requirement by area, with the tests that show it."""
    listed = requirements()
    lines = [
        "# Requirements",
        "",
        WRITTEN.format(file="requirements.toml"),
        "",
        plain(listed.about),
        "",
        *table(["risk", "means"], ([risk, plain(words)] for risk, words in RISKS.items())),
        "",
    ]
    for area, name in listed.areas.items():
        lines += [f"## {plain(name)}", ""]
        for one in listed.of_area(area):
            lines += _requirement(one)
    return "\n".join(lines).rstrip() + "\n"


def named_by(clause: str) -> list[str]:
    """The requirements that answer to a clause."""
    return [one.id for one in requirements().requirements if clause in one.clauses]


def _clause(clause: Clause, answered: Iterable[str]) -> Iterator[str]:
    yield f"## {plain(clause.ref)} {plain(clause.name)}"
    yield ""
    yield f"**{MET[clause.met]}.** {plain(clause.asks)}"
    yield ""
    labels: Mapping[str, str] = {"how": _how(clause.met), "lacks": "Lacks", "duty": "The organisation's"}
    for field, label in labels.items():
        said = getattr(clause, field)
        if said:
            yield f"- *{label}*: {plain(said)}"
    yield from _evidence(clause.places, clause.tests)
    if answered := list(answered):
        yield f"- *Requirements*: {', '.join(answered)}"
    yield ""


def _how(met: Met) -> str:
    return {"not applicable": "Why", "organisation": "What helps", "not met": "Today"}.get(met, "Needlepoint")


def _requirement(one: Requirement) -> Iterator[str]:
    yield f"### {one.id} {plain(one.name)}"
    yield ""
    yield plain(one.says)
    yield ""
    yield f"- *Risk*: {one.risk}. {plain(one.because)}"
    if one.lacks:
        yield f"- *Lacks*: {plain(one.lacks)}"
    yield from _evidence(one.places, one.tests)
    if one.clauses:
        yield f"- *Clauses*: {', '.join(plain(clause) for clause in one.clauses)}"
    yield ""


def _evidence(places: Iterable[Reference], tests: Iterable[str]) -> Iterator[str]:
    looked = [_place(place) for place in places]
    if looked:
        yield f"- *Look*: {', '.join(looked)}"
    shown = [_test(node) for node in tests]
    if shown:
        yield f"- *Tests*: {', '.join(shown)}"


def _place(place: Reference) -> str:
    return link(code(place.words), f"{UP}/{place.path}") if place.path else code(place.words)


def _test(node: str) -> str:
    path, _, name = node.partition("::")
    return link(code(name or path.rpartition("/")[2]), f"{UP}/{path}")
