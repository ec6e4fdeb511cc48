"""`manage.py compliance_tables`: write docs/reference/compliance/ from the tables, and check what they name."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.compliance.pages import pages
from portal.compliance.references import FOLDER
from portal.compliance.tables import TablesInvalid, problems


class Command(BaseCommand):
    help = "Write docs/reference/compliance/ from portal/compliance; what the tables name has to exist."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = settings.BASE_DIR / FOLDER
        try:
            missing = list(problems())
            wanted = pages()
        except TablesInvalid as problem:
            raise CommandError(str(problem)) from None
        if missing:
            raise CommandError("\n".join(["The tables of compliance name what is not there:", *missing]))
        found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
        stale = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        if options["check"]:
            if stale:
                raise CommandError(f"{FOLDER} is out of date: {', '.join(stale)}. Run: make docs")
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in wanted:
                (folder / name).write_text(wanted[name], encoding="utf-8")
            else:
                (folder / name).unlink()
        self.stdout.write(f"{len(wanted)} pages, {len(stale)} changed.")
