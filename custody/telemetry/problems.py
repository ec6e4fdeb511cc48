"""What is wrong with readings that somebody sent: where, what was found there, what would be right."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from ledger.errors import BadInput

SHOWN_MAX = 50
_FOUND_MAX = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `line` counts from 1 (in a JSON batch: the reading's place); `column` is the column or member."""

    line: int
    column: str
    found: str
    right: str
    unit: str = "line"

    def __str__(self) -> str:
        place = (
            f"{self.unit.capitalize()} {self.line}" if self.line else "The file" if self.unit == "line" else "The batch"
        )
        column = f", {self.column}" if self.column else ""
        return f"{place}{column}: found {self.found}; {self.right}"


class BadReadings(BadInput):
    """Readings that cannot be taken: none was stored. `problems` lists up to 50 faults, `total` counts them all."""

    def __init__(self, problems: list[Problem], *, total: int | None = None) -> None:
        self.total = len(problems) if total is None else total
        self.problems = tuple(problems[:SHOWN_MAX])
        more = f" (and {self.total - 1} more)" if self.total > 1 else ""
        super().__init__(f"Nothing was stored. {self.problems[0]}{more}.", field="readings")


class TooLarge(BadReadings):
    """More than one upload may hold."""

    status = 413


class Faults:
    """Collects faults, keeping the first fifty and counting the rest."""

    def __init__(self, *, unit: str = "line") -> None:
        self._unit = unit
        self._problems: list[Problem] = []
        self._total = 0

    def add(self, line: int, column: str, found: object, right: str) -> None:
        self._total += 1
        if len(self._problems) < SHOWN_MAX:
            self._problems.append(Problem(line, column, shown(found), right, self._unit))

    def __bool__(self) -> bool:
        return self._total > 0

    def raise_any(self) -> None:
        """Raise BadReadings when there is a fault."""
        if self._problems:
            raise BadReadings(self._problems, total=self._total)


def shown(value: object) -> str:
    """A value as an error message may repeat it: short, in quotes, on one line, without control characters.

    The opening quote also keeps a spreadsheet from taking the text for a formula (OWASP, CSV injection).
    """
    if value is None or value == "":
        return "nothing"
    text = "".join("·" if unicodedata.category(c)[0] == "C" else c for c in str(value)[: 4 * _FOUND_MAX])
    text = " ".join(text.split())
    return f"“{text[:_FOUND_MAX]}{'…' if len(text) > _FOUND_MAX else ''}”"
