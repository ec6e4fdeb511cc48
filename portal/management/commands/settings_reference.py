"""`manage.py settings_reference`: write docs/reference/settings.md from the typed settings, so that it stays true."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from annotated_types import Ge, Le
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from portal.configuration import Configuration

HEAD = """# Settings

Needlepoint is set by environment variables, and by nothing else. A value that cannot be used is refused at start
with a sentence that names the variable and says what would be right. This page is written by
`python manage.py settings_reference` from `portal/configuration.py`.

| variable | default | what it sets |
|---|---|---|
"""
TAIL = """
In production (`NEEDLEPOINT_MODE=production`) `SECRET_KEY`, `NEEDLEPOINT_KEY_ENCRYPTION_KEY`,
`NEEDLEPOINT_EMAIL_URL` and an https `NEEDLEPOINT_PUBLIC_URL` have to be set; cookies are marked secure, requests over
plain HTTP are sent to HTTPS, the demonstration accounts are gone, and roles that sign need a second factor.
"""


class Command(BaseCommand):
    help = "Write docs/reference/settings.md from the typed settings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.BASE_DIR / "docs" / "reference" / "settings.md"
        wanted = page()
        if not options["check"]:
            path.write_text(wanted)
        elif not path.exists() or path.read_text() != wanted:
            raise CommandError("docs/reference/settings.md is out of date. Run: make docs")


def page() -> str:
    """The whole page as Markdown."""
    rows = [_row(name, field) for name, field in Configuration.model_fields.items()]
    return HEAD + "".join(rows) + TAIL


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable that sets a field of the configuration."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"NEEDLEPOINT_{name.upper()}"


def _row(name: str, field: FieldInfo) -> str:
    limits = [f"{rule.ge} or more" for rule in field.metadata if isinstance(rule, Ge)]
    limits += [f"{rule.le} at most" for rule in field.metadata if isinstance(rule, Le)]
    said = f"{field.description}" + (f" ({', '.join(limits)})" if limits else "")
    return f"| `{variable(name, field)}` | {_shown(field.default)} | {said} |\n"


def _shown(value: object) -> str:
    if value in (None, ""):
        return "–"
    if isinstance(value, Path):
        home = Path.home()
        value = f"~/{value.relative_to(home)}" if value.is_relative_to(home) else value
    return f"`{','.join(value) if isinstance(value, list) else value}`"
