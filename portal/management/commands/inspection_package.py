"""`manage.py inspection_package INSPECTION`: the signed package of an inspection, of any number of therapies."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from custody.oversight import packages, queries
from custody.oversight.models import Inspection
from ledger.bundles import package as file_format
from ledger.clock import now
from ledger.errors import Refusal
from ledger.log import sequencer
from ledger.parties.actor import service_actor
from ledger.parties.queries import party
from ledger.parties.signing import signer_for


class Command(BaseCommand):
    help = "Write an inspection's signed package into a file; `python -m ledger.package` checks it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("inspection", help="the inspection's identifier, or its file number")
        parser.add_argument("--output", type=Path, help="the file to write (default: inspection-REFERENCE.zip)")

    def handle(self, *args: Any, **options: Any) -> None:
        row = _row(options["inspection"])
        authority, at = party(row.party_id), now()
        by = service_actor(
            party=authority.id,
            party_code=authority.code,
            party_kind=authority.kind,
            service="inspection package",
            permissions=frozenset({queries.PERMISSION}),
        )
        sequencer.drain()
        try:
            found = queries.opened(inspection=row.pk, by=by, at=at)
            package = packages.package_of(found, by=by, at=at, most=1_000_000)
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        target = options["output"] or Path(f"inspection-{row.reference.replace('/', '-')}.zip")
        try:
            file_format.write(target, package, signer=signer_for(row.party_id).signer)
        except OSError as problem:
            raise CommandError(f"The file cannot be written: {problem}") from None
        self.stdout.write(f"{target}: {package.manifest['therapies']} therapies. Check it with")
        self.stdout.write(f'  python -m ledger.package {target} --log-key "{package.manifest["log_key"]}"')


def _row(text: str) -> Inspection:
    found = Inspection.objects.filter(reference=text.upper()).order_by("-opened_at").first()
    if found is None:
        try:
            found = Inspection.objects.filter(pk=UUID(text)).first()
        except ValueError:
            found = None
    if found is None:
        raise CommandError(f"“{text}” is no inspection. Give its file number, or the identifier in its address.")
    return found
