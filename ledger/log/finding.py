"""What an audit finds: one row that is not what the records say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not what the records say."""

    table: str
    row: str
    problem: str
    column: str = ""
    """The column that differs, where it is one: what can be said to everybody, as its value cannot."""

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.problem}"
