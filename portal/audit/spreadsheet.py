"""The audit trail as CSV (RFC 4180) that no spreadsheet program takes for a formula. Pure.

A cell that begins with =, +, -, @, a tab or a carriage return would be run when the file is opened (OWASP, "CSV
Injection"). Such a cell gets an apostrophe in front, which those programs do not show; every cell is quoted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from uuid import UUID

from ledger.clock import stamp
from portal.audit.queries import AuditLine

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "time (UTC)",
    "kind",
    "who",
    "pseudonym",
    "role",
    "organisation",
    "what",
    "about",
    "why",
    "before",
    "after",
    "place in the log",
    "id",
)


def text_of(lines: Iterable[AuditLine], names: Mapping[UUID, str]) -> str:
    """The whole file, with its header; lines end in CR LF."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([safe(cell) for cell in _cells(line, names)])
    return file.getvalue()


def safe(cell: str) -> str:
    """The cell so that no spreadsheet program runs it."""
    without = cell.lstrip(" ")
    return f"'{cell}" if without.startswith(DANGEROUS) else cell


def _cells(line: AuditLine, names: Mapping[UUID, str]) -> tuple[str, ...]:
    return (
        stamp(line.at),
        line.kind,
        line.who,
        str(line.person),
        line.role,
        names.get(line.party, str(line.party)),
        line.what,
        line.subject,
        line.why,
        "; ".join(f"{name}: {before}" for name, before, _ in line.changes),
        "; ".join(f"{name}: {after}" for name, _, after in line.changes),
        "" if line.log_index is None else str(line.log_index),
        str(line.id),
    )
