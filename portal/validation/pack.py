"""The whole pack: every sheet as Markdown and as PDF, the matrix as CSV, and the SHA-256 of each file.

A pack is evidence of one moment: it is never written over another one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from custody.protocols.document import Protocol
from ledger.clock import stamp
from portal.audit.spreadsheet import safe
from portal.compliance.tables import requirements
from portal.validation import performance, protocols, scripts
from portal.validation.installation import Section
from portal.validation.printing import pdf_of
from portal.validation.protocols import Facts
from portal.validation.results import Results
from portal.validation.sheets import Sheet, markdown_of
from portal.validation.source import commit_of, source_digest, version_of

FORMAT = "needlepoint-validation/1"
COLUMNS = ("requirement", "name", "risk", "clauses", "test", "outcome", "cases", "note", "state", "scripts")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry of a zip: the pack's own time stands in its manifest."""


class PackExists(Exception):
    """There is something at the place where the pack was to go."""


def facts_of(root: Path, *, at: datetime) -> Facts:
    """What every sheet states of the software."""
    return Facts(at, version_of(root), commit_of(root), source_digest(root)[0])


def sheets_of(
    facts: Facts, *, sections: Sequence[Section], results: Results, documents: Sequence[Protocol]
) -> dict[str, Sheet]:
    """Every sheet by the name of its files."""
    return {
        "1-requirements": protocols.specification(facts),
        "2-installation": protocols.iq(facts, sections),
        "3-operation": protocols.oq(facts, results),
        "4-performance": performance.pq(facts, documents),
        "5-traceability": protocols.matrix(facts, results),
    }


def files_of(facts: Facts, sheets: Mapping[str, Sheet], results: Results) -> dict[str, bytes]:
    """Every file of the pack by its name, the manifest last."""
    files: dict[str, bytes] = {}
    for name, sheet in sheets.items():
        files[f"{name}.md"] = markdown_of(sheet).encode()
        files[f"{name}.pdf"] = pdf_of(sheet)
    files["5-traceability.csv"] = matrix_csv(results).encode()
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "made_at": stamp(facts.made_at),
        "version": facts.version,
        "commit": facts.commit,
        "source": facts.digest,
        "verdicts": {sheet.code: sheet.verdict.text for sheet in sheets.values()},
        "results": [
            {"file": one.name, "sha256": one.sha256, "cases": one.cases, "source": one.source} for one in results.files
        ],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["manifest.json"] = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    return files


def matrix_csv(results: Results) -> str:
    """The matrix as CSV (RFC 4180), a row a test; no cell of it is a formula to a spreadsheet program."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for one in requirements().requirements:
        state = protocols.state_of(one, results)
        tried = ", ".join(f"PQ {number}" for number in scripts.scripts_showing(one.id))
        for node in one.tests:
            got = results.outcome(node)
            row = (
                one.id,
                one.name,
                one.risk,
                "; ".join(one.clauses),
                node,
                got.word,
                str(got.cases),
                got.note,
                state,
                tried,
            )
            writer.writerow([safe(cell) for cell in row])
    return file.getvalue()


def check_free(target: Path) -> None:
    """Raises PackExists where there is something at the place where the pack is to go."""
    if target.suffix.lower() == ".zip":
        if target.exists():
            raise PackExists(f"{target} is there already; a pack is never written over another.")
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise PackExists(f"{target} is not empty; a pack is never written over another.")


def write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write the pack into a new or empty folder, or into a new zip. Raises PackExists, OSError."""
    check_free(target)
    if target.suffix.lower() == ".zip":
        with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
        return
    target.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (target / name).write_bytes(content)
