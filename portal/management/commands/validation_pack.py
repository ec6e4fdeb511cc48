"""`manage.py validation_pack OUT`: the protocols that qualify this installation, and the matrix of its requirements."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from custody.protocols import document as documents
from custody.protocols.document import Protocol
from custody.protocols.queries import protocols, shipped
from ledger.clock import now
from portal.compliance.tables import TablesInvalid, problems
from portal.validation import pack
from portal.validation.installation import installation, not_applied
from portal.validation.results import ResultsUnreadable, read


class Command(BaseCommand):
    help = "Write IQ, OQ and PQ protocols of this installation and the traceability matrix, as Markdown and PDF."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", type=Path, help="a new folder, or a new file that ends in .zip")
        parser.add_argument(
            "--results", type=Path, action="append", default=[], help="JUnit XML of a test run; once for each file"
        )
        parser.add_argument(
            "--protocol",
            action="append",
            default=[],
            help="code of a protocol for the PQ (default: every published one)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["out"]
        try:
            pack.check_free(target)
            missing = list(problems())
            if missing:
                raise CommandError("\n".join(["The requirements name what is not there:", *missing]))
            results = read(options["results"])
            chosen = _chosen(options["protocol"])
            facts = pack.facts_of(settings.BASE_DIR, at=now())
            sheets = pack.sheets_of(facts, sections=installation(), results=results, documents=chosen)
            pack.write(target, pack.files_of(facts, sheets, results))
        except (ResultsUnreadable, TablesInvalid, pack.PackExists) as problem:
            raise CommandError(str(problem)) from None
        except DatabaseError as problem:
            raise CommandError(f"The database cannot be read: {problem}") from None
        except OSError as problem:
            raise CommandError(f"{target} cannot be written: {problem.strerror or problem}") from None
        for sheet in sheets.values():
            if sheet.verdict.text:
                self.stdout.write(f"{sheet.code:<4} {sheet.verdict.text}")
        self.stdout.write(f"{target}: perform and sign it as docs/how-to/validate-an-installation.md says.")


def _chosen(codes: list[str]) -> list[Protocol]:
    """The published protocols; those that come with Needlepoint where none is published yet."""
    published = [] if not_applied() else protocols()
    found = published or [documents.read(each) for each in shipped()]
    known = {protocol.code: protocol for protocol in found}
    unknown = sorted(set(codes) - known.keys())
    if unknown:
        raise CommandError(f"There is no protocol {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    return [known[code] for code in codes or sorted(known)]
