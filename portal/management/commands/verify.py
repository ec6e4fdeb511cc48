"""`manage.py verify`: replay the ledger and compare it with every table; one line when all holds."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from custody.telemetry import integrity
from custody.telemetry.models import ReadingsCommitment
from ledger.log.models import Leaf, Record
from ledger.log.queries import count_doubtful
from ledger.log.shares import Shares, possible
from ledger.log.verification import findings

WORTH_SHARING = 2_000
"""Records from which on it pays to start processes."""


class Command(BaseCommand):
    help = "Replay every record: links, signatures, contract, leaves, roots, and the tables that mirror them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="name every bad row, not only the first")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")
        parser.add_argument("--processes", type=int, help="how many share the work (default: one a core)")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        records = Record.objects.count()
        total = records + Leaf.objects.count() + ReadingsCommitment.objects.count()
        wanted = options["processes"] or (possible() if records >= WORTH_SHARING else 1)
        count = wanted if possible() > 1 else 1
        # Before the bar, which has a thread: processes are forked.
        shares = Shares(count) if count > 1 else None
        try:
            found = self._name(shares, total, options)
        finally:
            if shares is not None:
                shares.close()
        if found:
            self.stdout.write(
                f"{found} bad {'row' if found == 1 else 'rows'} found; {records:,} records on the ledger."
            )
            sys.exit(1)
        seconds = time.monotonic() - started
        self.stdout.write(
            f"All holds: {records:,} records, their signatures, rules, log, tables and readings ({seconds:.1f} s)."
        )
        doubtful = count_doubtful()
        if doubtful:
            self.stdout.write(
                f"{doubtful:,} of them {'was' if doubtful == 1 else 'were'} signed while the key may have been in "
                "other hands; the pages that show them say so."
            )

    def _name(self, shares: Shares | None, total: int, options: Mapping[str, Any]) -> int:
        """Name what is wrong as it is found, and say how much that was."""
        found = 0
        with tqdm(total=total, unit="record", disable=options["quiet"] or None) as bar:

            def told(_what: str, count: int) -> None:
                bar.update(count)

            for finding in chain(findings(told, processes=shares), integrity.findings(told)):
                bar.clear()
                self.stdout.write(self.style.ERROR(str(finding)))
                found += 1
                if not options["all"]:
                    break
        return found
