"""`manage.py enrol_witness PARTY VKEY…`: whose co-signatures this log takes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.cosigning.operations import enrol_witness, retire_witness
from ledger.errors import Refusal
from ledger.parties.models import Party


class Command(BaseCommand):
    help = "Take the co-signatures of a member's witness. Its keys are what `manage.py witness … --keys` prints there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("party", help="the member's code, such as X0042")
        parser.add_argument("vkeys", nargs="*", help="verifier keys, one for each kind of signature")
        parser.add_argument("--retire", metavar="NAME", help="take no more co-signatures of the witness of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        party = Party.objects.filter(code=options["party"]).first()
        if party is None:
            raise CommandError(f"There is no member {options['party']}.")
        if options["retire"]:
            count = retire_witness(name=options["retire"], at=now())
            self.stdout.write(f"{count} keys of {options['retire']} are retired.")
            return
        if not options["vkeys"]:
            raise CommandError("Name at least one verifier key.")
        for vkey in options["vkeys"]:
            try:
                witness = enrol_witness(party=party.pk, vkey=vkey, at=now())
            except Refusal as refusal:
                raise CommandError(refusal.message) from refusal
            self.stdout.write(f"{witness.name} {witness.key_id} of {party.name} is enrolled.")
