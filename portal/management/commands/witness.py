"""`manage.py witness`: a member's witness, in a process of its own with a database and a key of its own."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from ledger.parties.keystore import KeystoreError
from ledger.witness import configuration, process, schema

BROKEN = 2


class Command(BaseCommand):
    help = "Follow logs, check every record by the shared rules, keep a copy, and co-sign. Stop with Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--settings-file", "-s", required=True, type=Path, help="the witness's settings, in TOML")
        parser.add_argument("--keys", action="store_true", help="print this witness's verifier keys and end")
        parser.add_argument("--reports", action="store_true", help="print what was reported and end")
        parser.add_argument("--once", action="store_true", help="look once; ends with 2 when anything broke")

    def handle(self, *args: Any, **options: Any) -> None:
        _without_a_portal()
        try:
            settings = configuration.load(options["settings_file"])
            witness = process.Witness(settings, say=self._say, alert=self._alert)
        except (configuration.BadSettings, process.MemoryLost, schema.ForeignDatabase, KeystoreError) as problem:
            raise CommandError(str(problem)) from problem
        if options["keys"]:
            for key in witness.keys.vkeys:
                self.stdout.write(key)
        elif options["reports"]:
            for report in witness.store.reports():
                place = "" if report.index is None else f", record {report.index}"
                self.stdout.write(
                    f"{report.id}  {report.first_at}  {report.kind}  {report.origin}, size {report.size}{place}, "
                    f"seen {report.times} times: {report.problem}"
                )
        elif options["once"]:
            if not witness.once():
                raise SystemExit(BROKEN)
        else:
            self._run(witness)

    def _run(self, witness: process.Witness) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        try:
            witness.start()
        except OSError as problem:
            raise CommandError(f"The witness's address cannot be opened: {problem.strerror}.") from problem
        self._say(f"{witness.keys.name} watches. Its key: {witness.keys.vkeys[0]}")
        stopping.wait()
        witness.stop()
        if witness_broke := getattr(self, "_alerts", 0):
            self._say(f"{witness_broke} breaches were reported.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _alert(self, line: str) -> None:
        self._alerts = getattr(self, "_alerts", 0) + 1
        self.stderr.write(self.style.ERROR(line))
        self.stderr.flush()


def _without_a_portal() -> None:
    """Whatever the environment names as the portal's database, this process cannot open it."""
    connections.close_all()
    for alias in connections:
        connections.databases[alias]["ENGINE"] = "django.db.backends.dummy"
        connections[alias] = connections.create_connection(alias)
