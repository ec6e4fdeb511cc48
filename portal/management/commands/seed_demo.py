"""`manage.py seed_demo`: the demonstration consortium, made by the real operations with real signatures."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from custody.therapies.models import Therapy
from ledger.clock import now
from portal.demonstration.telling import tell_all


class Command(BaseCommand):
    help = "Load the demonstration consortium: nine members, their people, and sixty and more therapies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing when therapies are there already")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("The demonstration is not loaded in production mode.")
        if Therapy.objects.exists():
            if options["if_empty"]:
                self.stdout.write("The demonstration is already there.")
                return
            raise CommandError("There are therapies already. Use an empty database: remove var/ or set DATABASE_URL.")
        started = time.monotonic()
        with tqdm(total=1, desc="Therapies", unit="therapy", file=self.stdout, disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            count = tell_all(now=now(), tell=lambda line: self.stdout.write(f"  {line}"), progress=progress)
        self.stdout.write(f"{count} therapies in {time.monotonic() - started:.0f} s.")
