"""`manage.py add_member`: bring a person in from the server itself, such as an organisation's first administrator."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.errors import Refusal
from ledger.parties.models import Party
from portal.accounts.operations import place_person
from portal.accounts.roles import ROLES


class Command(BaseCommand):
    help = "Bring a person into an enrolled organisation; they set their password by the reset link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--party", required=True, help="the organisation's code")
        parser.add_argument("--role", required=True, choices=list(ROLES), help="the role's code")
        parser.add_argument("--email", required=True, help="the address to sign in with")
        parser.add_argument("--name", required=True, help="the name that is printed beside signatures")

    def handle(self, *args: Any, **options: Any) -> None:
        party = Party.objects.filter(code=options["party"]).first()
        if party is None:
            codes = ", ".join(Party.objects.order_by("code").values_list("code", flat=True)) or "none is enrolled"
            raise CommandError(f"No organisation has the code {options['party']}. There are: {codes}.")
        try:
            held = place_person(
                party=party, email=options["email"], name=options["name"], role=options["role"], at=now()
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{held.user.name} is {held.as_role.name} of {party.name}.")
