"""The tables of the regulations and the list of requirements, as typed data: read from TOML, whole or refused.

One file a regulation in `regulations/`; what the consortium needs is in `requirements.toml`. What stands there is
checked against the code by `problems`: nothing in it may name what is not there.

The classes of risk are those of GAMP 5 (second edition, 2022, appendix M3): by what a failure would do to the patient,
the product or the record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from portal.compliance.references import Reference, problem_of_test

HERE = Path(__file__).parent
REGULATIONS = HERE / "regulations"
REQUIREMENTS = HERE / "requirements.toml"
ORDER = ("part-11", "annex-11", "gdpr", "hipaa")
"""The regulations in the order of their pages."""

Met = Literal["met", "partly", "not met", "organisation", "not applicable"]
MET: dict[Met, str] = {
    "met": "Met by the product",
    "partly": "Partly met",
    "not met": "Not met",
    "organisation": "The organisation's duty",
    "not applicable": "Does not apply",
}
Risk = Literal["high", "medium", "low"]
RISKS: dict[Risk, str] = {
    "high": "A failure could harm the patient, mix up or spoil a product, or falsify a record that decisions rest on.",
    "medium": "A failure would delay a therapy or weaken a record, and somebody would notice before harm is done.",
    "low": "A failure would cost time and nothing else.",
}


class TablesInvalid(Exception):
    """A table cannot be read; the message names file and place."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Table = TypeVar("Table", bound=_Data)


class _Located(_Data):
    """What can be looked at somewhere in the product."""

    look: tuple[str, ...] = ()

    @field_validator("look")
    @classmethod
    def _look(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            Reference.read(text)
        return value

    @property
    def places(self) -> tuple[Reference, ...]:
        return tuple(Reference.read(text) for text in self.look)


class Clause(_Located):
    """One clause: what it asks in our own words, what meets it and how far, and what stays with the organisation."""

    ref: str = Field(pattern=r"^[0-9A-Za-z().§–/ -]{1,40}$")
    name: str = Field(min_length=3, max_length=90)
    asks: str = Field(min_length=20)
    met: Met
    how: str = ""
    tests: tuple[str, ...] = ()
    lacks: str = ""
    duty: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.met in {"met", "partly"} and not (self.how and self.look and self.tests):
            raise ValueError(f"what is {self.met} says how, where to look, and which tests show it")
        if self.met in {"partly", "not met"} and not self.lacks:
            raise ValueError(f"what is {self.met} says what lacks")
        if self.met == "met" and self.lacks:
            raise ValueError("what lacks something is not met, or partly")
        if self.met in {"organisation", "not met"} and not self.duty:
            raise ValueError("the organisation's duty has to be said")
        if self.met == "not applicable" and not self.how:
            raise ValueError("say why it does not apply")
        return self


class Regulation(_Data):
    """A regulation's clauses, in its own order. `code` is the name of its file."""

    code: str
    title: str
    short: str
    edition: str
    source: str = Field(pattern=r"^https://")
    about: str
    clauses: tuple[Clause, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refs = [clause.ref for clause in self.clauses]
        twice = sorted({ref for ref in refs if refs.count(ref) > 1})
        if twice:
            raise ValueError(f"clauses stand twice: {', '.join(twice)}")
        return self


class Requirement(_Located):
    """What the consortium needs of the system, with a name that stays: a number is never given again."""

    id: str = Field(pattern=r"^URS-[A-Z]{3}-[0-9]{2}$")
    name: str = Field(min_length=3, max_length=90)
    says: str = Field(min_length=20)
    risk: Risk
    because: str = Field(min_length=10)
    clauses: tuple[str, ...] = ()
    look: tuple[str, ...] = Field(min_length=1)
    tests: tuple[str, ...] = Field(min_length=1)
    lacks: str = ""

    @property
    def area(self) -> str:
        return self.id[4:7]


class Requirements(_Data):
    """The list of requirements by area, in the order of the file."""

    about: str
    areas: dict[str, str]
    requirements: tuple[Requirement, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        ids = [one.id for one in self.requirements]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"requirements stand twice: {', '.join(twice)}")
        unknown = sorted({one.area for one in self.requirements} - self.areas.keys())
        if unknown:
            raise ValueError(f"areas without a name: {', '.join(unknown)}")
        return self

    def of_area(self, area: str) -> tuple[Requirement, ...]:
        return tuple(one for one in self.requirements if one.area == area)


@cache
def regulations() -> tuple[Regulation, ...]:
    """Every regulation, in the order of the pages. Raises TablesInvalid."""
    found = {path.stem: read_regulation(path) for path in REGULATIONS.glob("*.toml")}
    return tuple(found[code] for code in sorted(found, key=_place))


@cache
def requirements() -> Requirements:
    """The list of requirements. Raises TablesInvalid."""
    return read_requirements(REQUIREMENTS)


def _place(code: str) -> tuple[int, str]:
    return (ORDER.index(code) if code in ORDER else len(ORDER), code)


def read_regulation(path: Path) -> Regulation:
    """One regulation's file. Raises TablesInvalid."""
    return _read(path, Regulation, "clause", "clauses", code=path.stem)


def read_requirements(path: Path) -> Requirements:
    """A file of requirements. Raises TablesInvalid."""
    return _read(path, Requirements, "requirement", "requirements")


def problems() -> Iterator[str]:
    """Whatever the tables name and the code does not have, one sentence each; nothing when all of it is there."""
    known = set()
    for regulation in regulations():
        for clause in regulation.clauses:
            known.add(f"{regulation.code} {clause.ref}")
            yield from _missing(f"{regulation.short} {clause.ref}", clause.places, clause.tests)
    for one in requirements().requirements:
        yield from _missing(one.id, one.places, one.tests)
        for named in one.clauses:
            if named not in known:
                yield f"{one.id}: there is no clause “{named}”"


def _missing(where: str, places: tuple[Reference, ...], tests: tuple[str, ...]) -> Iterator[str]:
    for place in places:
        if place.problem:
            yield f"{where}: {place.problem}"
    for node in tests:
        problem = problem_of_test(node)
        if problem:
            yield f"{where}: {problem}"


def _read(path: Path, model: type[Table], one: str, many: str, **more: Any) -> Table:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = content.pop(one, ())
        return model.model_validate({**content, many: rows, **more})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise TablesInvalid(f"{path.name} cannot be read: {problem}") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        raise TablesInvalid(f"{path.name} is not right at {place or 'its top'}: {first['msg']}") from None
