"""`manage.py witness_token PARTY`: a token with which a member's machine reads the log."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.cosigning import tokens
from ledger.parties.models import Party


class Command(BaseCommand):
    help = "Print a token with which a member's witness reads the log. It is shown once, and kept as a digest only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("party", help="the member's code, such as X0042")
        parser.add_argument("--revoke", action="store_true", help="make every token of this member worthless instead")

    def handle(self, *args: Any, **options: Any) -> None:
        party = Party.objects.filter(code=options["party"]).first()
        if party is None:
            codes = ", ".join(Party.objects.order_by("code").values_list("code", flat=True)) or "none"
            raise CommandError(f"There is no member {options['party']}. Members are: {codes}.")
        if options["revoke"]:
            self.stdout.write(
                f"{tokens.revoke_all(party=party.pk, at=now())} tokens of {party.name} are worthless now."
            )
        else:
            self.stdout.write(tokens.issue(party=party.pk, at=now()))
