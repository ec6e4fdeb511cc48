"""`manage.py verify`: replay the ledger and compare it with every table; one line when all holds."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from custody.telemetry import integrity
from custody.telemetry.models import ReadingsCommitment
from ledger.log.models import Leaf, Record
from ledger.log.verification import findings


class Command(BaseCommand):
    help = "Replay every record: links, signatures, contract, leaves, roots, and the tables that mirror them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="name every bad row, not only the first")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        records = Record.objects.count()
        found = 0
        total = records + Leaf.objects.count() + ReadingsCommitment.objects.count()
        with tqdm(total=total, unit="record", disable=options["quiet"] or None) as bar:

            def told(_what: str, count: int) -> None:
                bar.update(count)

            for finding in chain(findings(told), integrity.findings(told)):
                bar.clear()
                self.stdout.write(self.style.ERROR(str(finding)))
                found += 1
                if not options["all"]:
                    break
        if found:
            self.stdout.write(
                f"{found} bad {'row' if found == 1 else 'rows'} found; {records:,} records on the ledger."
            )
            sys.exit(1)
        seconds = time.monotonic() - started
        self.stdout.write(
            f"All holds: {records:,} records, their signatures, rules, log, tables and readings ({seconds:.1f} s)."
        )
