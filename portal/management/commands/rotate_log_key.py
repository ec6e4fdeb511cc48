"""`manage.py rotate_log_key`: announce a successor of the log's key, and later let the old one stop."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.errors import Refusal
from ledger.ids import uuid7
from ledger.log import log_keys, sequencer
from ledger.parties.contract import operator_of
from ledger.parties.models import Party
from portal.accounts.actors import keyholder_actor


class Command(BaseCommand):
    help = (
        "Change the key that signs the log's checkpoints. The successor is announced in the log, both sign for the "
        "stated days, and --stop ends the old one afterwards. --status says which keys are in force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--overlap-days", type=int, default=30, help="for how long both keys sign (default 30)")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--stop", action="store_true", help="let the old key stop; refused before the days are over")
        what.add_argument("--status", action="store_true", help="change nothing; say which keys are in force")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["status"]:
            operator = Party.objects.filter(pk=operator_of(settings.LOG_ORIGIN)).first()
            if operator is None:
                raise CommandError("This log has no operator yet: enrol one first (seed_demo, or enrol_party).")
            self._change(operator, options)
            sequencer.drain()
        size = sequencer.size()
        self.stdout.write(f"Checkpoints of {size:,} records are signed with:")
        for key in log_keys.in_force(size):
            until = f"  (both sign until {key.until_at:%Y-%m-%d %H:%M} UTC at least)" if self._changing(key) else ""
            self.stdout.write(f"  {key.vkey}{until}")

    def _change(self, operator: Party, options: dict[str, Any]) -> None:
        at, by = now(), keyholder_actor(operator)
        try:
            if options["stop"]:
                log_keys.stop_log_key(by=by, at=at, key=str(uuid7()))
            else:
                until = at + timedelta(days=options["overlap_days"])
                log_keys.announce_log_key(until=until, by=by, at=at, key=str(uuid7()))
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal

    @staticmethod
    def _changing(key: log_keys.LogKey) -> bool:
        change = log_keys.change_under_way()
        return change is not None and change.public_key == key.public_key.hex()
