"""`manage.py report --month 2026-10`: make and sign the monthly reports that are not signed yet."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from custody.oversight import tasks
from custody.oversight.rules import SITE_KINDS, month_before, month_bounds
from ledger.clock import now
from ledger.errors import Refusal
from ledger.log import sequencer
from ledger.parties.queries import PartyUnknown, parties, party_coded


class Command(BaseCommand):
    help = "Make and sign the reports on a month (by default the last one) that are not signed yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", help="such as 2026-10; the month has to be over")
        parser.add_argument("--party", help="the code of one centre or maker; all of them by default")

    def handle(self, *args: Any, **options: Any) -> None:
        at = now()
        month = options["month"] or month_before(at)
        try:
            month_bounds(month)
        except ValueError:
            raise CommandError(f"“{month}” is no month. Write one such as 2026-10.") from None
        try:
            members = [party_coded(options["party"])] if options["party"] else parties()
        except PartyUnknown as unknown:
            raise CommandError(unknown.message) from None
        sequencer.drain()
        for member in members:
            if member.kind not in SITE_KINDS:
                continue
            try:
                record = tasks.sign_now(member=member, month=month, at=at)
            except Refusal as refusal:
                raise CommandError(f"{member.name}: {refusal.message}") from None
            said = f"signed, record {record.id}" if record else "signed before"
            self.stdout.write(f"{month}  {member.code:<10} {member.name}: {said}")
        sequencer.drain()
