"""Checks a protocol document and puts it on the ledger, in the name of the consortium's operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from custody.protocols import document as documents
from custody.protocols.operations import publish_protocol
from custody.protocols.safety import check_new
from ledger import clock
from ledger.errors import Refusal
from ledger.parties.operations import founding_actor


class Command(BaseCommand):
    help = "Check protocol documents and publish them on the ledger; a version that is there already is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="for example protocols/cd19-fresh.json")
        parser.add_argument("--check", action="store_true", help="check only; touch neither ledger nor database")

    def handle(self, *args: Any, files: list[Path], check: bool = False, **options: Any) -> None:
        for path in files:
            try:
                self.stdout.write(self._one(path, check))
            except (OSError, UnicodeDecodeError) as problem:
                raise CommandError(f"{path} cannot be read: {problem}") from problem
            except json.JSONDecodeError as problem:
                raise CommandError(f"{path} is not JSON: line {problem.lineno}, {problem.msg}.") from problem
            except Refusal as refusal:
                raise CommandError(f"{path}: {refusal.message}") from refusal

    def _one(self, path: Path, check: bool) -> str:
        content = json.loads(path.read_text(encoding="utf-8"))
        protocol = documents.read(content)
        what = f"{protocol.code} {protocol.version}, {len(protocol.steps)} steps, digest {protocol.digest[:16]}…"
        if check:
            check_new(protocol)
            return f"{what}: right."
        record = publish_protocol(
            document=content, by=founding_actor(), at=clock.now(), key=f"protocol-{protocol.digest[:32]}"
        )
        return f"{what}: on the ledger since {record.recorded_at:%d %b %Y, %H:%M} UTC."
