"""Draws the state machines and the protocols' step graphs into docs/states/, as Mermaid."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from custody import states
from custody.protocols import document
from custody.protocols.queries import shipped


class Command(BaseCommand):
    help = "Draw docs/states/ from the tables of custody.states and the documents of protocols/."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is not as drawn")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs" / "states"
        drawn = states.pages({each["code"]: document.read(each) for each in shipped()})
        found = {path.name: path.read_text() for path in folder.glob("*.md")}
        stale = sorted(name for name in drawn.keys() | found.keys() if drawn.get(name) != found.get(name))
        if check:
            if stale:
                raise CommandError(
                    f"docs/states is not as the code has it: {', '.join(stale)}. Run manage.py draw_states."
                )
            self.stdout.write(f"{len(drawn)} pages are as the code has them.")
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in drawn:
                (folder / name).write_text(drawn[name])
            else:
                (folder / name).unlink()
        self.stdout.write(f"{len(drawn)} pages drawn, {len(stale)} changed.")
