"""`manage.py rotate_key PARTY`: a fresh signing key for a member, signed for by the old one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ledger.clock import now
from ledger.ids import uuid7
from ledger.parties import key_operations, signing
from portal.management.keyholders import holder_of, said_plainly


class Command(BaseCommand):
    help = "Replace a member's signing key by a fresh one; --spare adds one that signs only when the other is gone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("party", help="the member's code, such as X0042")
        parser.add_argument("--spare", action="store_true", help="add a spare key and replace none")

    def handle(self, *args: Any, **options: Any) -> None:
        by = holder_of(options["party"])
        act = key_operations.add_key if options["spare"] else key_operations.rotate_key
        with said_plainly():
            act(by=by, at=now(), key=str(uuid7()))
            self.stdout.write(f"{options['party']} signs with the key {signing.signer_for(by.party).key_id}.")
