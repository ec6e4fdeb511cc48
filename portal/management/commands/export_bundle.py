"""`manage.py export_bundle THERAPY`: one file with which anybody checks a therapy, without us."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from custody.compliance.bundles import therapy_bundle
from custody.therapies.models import Therapy
from ledger.bundles import format as file_format
from ledger.clock import now
from ledger.errors import Refusal
from ledger.log import sequencer


class Command(BaseCommand):
    help = "Write a therapy's records, proofs and checkpoint into one file; `python -m ledger.verify` checks it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("therapy", help="the therapy's identifier, or its chain-of-identity identifier")
        parser.add_argument("--output", type=Path, help="the file to write (default: THERAPY.zip)")

    def handle(self, *args: Any, **options: Any) -> None:
        therapy = _therapy(options["therapy"])
        target = options["output"] or Path(f"{therapy}.zip")
        sequencer.drain()
        try:
            bundle = therapy_bundle(therapy=therapy, at=now())
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        try:
            file_format.write(target, bundle)
        except OSError as problem:
            raise CommandError(f"The file cannot be written: {problem}") from None
        self.stdout.write(f"{target}: {bundle.record_count:,} records. Check it with")
        self.stdout.write(f'  python -m ledger.verify {target} --log-key "{bundle.log_key}"')


def _therapy(text: str) -> UUID:
    found = Therapy.objects.filter(coi=text).values_list("id", flat=True).first()
    if found is not None:
        return found
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"“{text}” is no therapy. Give its identifier, as the page’s address has it.") from None
