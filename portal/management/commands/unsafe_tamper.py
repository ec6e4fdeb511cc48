"""`manage.py unsafe_tamper KIND`: attack the demonstration's own ledger, to see who notices."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from portal.demonstration import tampering


class Command(BaseCommand):
    help = "UNSAFE: tamper with the ledger as somebody who owns the database could. Demonstration mode only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(tampering.KINDS), help="which attack")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("This destroys evidence. It runs in demonstration mode only.")
        try:
            done = tampering.KINDS[options["kind"]](at=now())
        except tampering.NothingToTamperWith as problem:
            raise CommandError(f"{problem} Run manage.py seed_demo first.") from problem
        self.stdout.write(self.style.WARNING(done))
        self.stdout.write(f"Now look at {settings.PUBLIC_URL}/divergences/: witnesses, or the audit, report it there.")
