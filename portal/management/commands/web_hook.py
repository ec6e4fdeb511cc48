"""`manage.py web_hook add|list|remove PARTY [URL]`: where a member's systems are told of a divergence."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.errors import Refusal
from ledger.parties.actor import Actor, service_actor
from ledger.parties.models import Party
from portal.hooks import operations, queries


class Command(BaseCommand):
    help = "Register, list and remove the addresses that are told when the ledger diverges."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=("add", "list", "remove"))
        parser.add_argument("party", help="the member's code, such as X0042")
        parser.add_argument("url", nargs="?", default="", help="the address, for add and remove")

    def handle(self, *args: Any, **options: Any) -> None:
        by, url = _administrator(options["party"]), options["url"]
        rows = queries.hooks_of(by=by)
        if options["act"] == "list":
            for row in rows:
                state = f"fails since {row.hook.failing_since:%Y-%m-%d %H:%M}" if row.hook.failing_since else "well"
                self.stdout.write(f"{row.hook.url}  {len(row.deliveries)} deliveries, {state}")
            return
        try:
            if options["act"] == "add":
                operations.add_hook(url=url, by=by, at=now())
                self.stdout.write(f"{url} is told from now on.")
                return
            for row in rows:
                if row.hook.url == url:
                    operations.remove_hook(hook=row.hook.pk, by=by, at=now())
                    self.stdout.write(f"{url} is told nothing more.")
                    return
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        raise CommandError(f"{options['party']} has no web hook at {url}.")


def _administrator(code: str) -> Actor:
    party = Party.objects.filter(code=code).first()
    if party is None:
        raise CommandError(f"There is no member {code}.")
    return service_actor(
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        service="command line",
        permissions=frozenset({"members.manage"}),
    )
