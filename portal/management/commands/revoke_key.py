"""`manage.py revoke_key PARTY KEYID --reason …`: end a member's key."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from ledger.ids import uuid7
from ledger.parties import key_operations
from ledger.parties.contract import operator_of
from ledger.parties.key_rules import REASONS
from ledger.parties.models import Party
from portal.accounts.actors import keyholder_actor
from portal.management.keyholders import member_coded, said_plainly


class Command(BaseCommand):
    help = (
        "End a member's key, signed with another one that it has. --as-operator ends the last key of a member that "
        "lost it, and with --reissue gives it a new one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("party", help="the member's code, such as X0042")
        parser.add_argument("key_id", help="the key's id, as the keys page shows it")
        parser.add_argument("--reason", required=True, choices=list(REASONS))
        parser.add_argument(
            "--compromised-since", help="since when others may have had the key, such as 2026-03-01T08:00:00+00:00"
        )
        parser.add_argument("--as-operator", action="store_true", help="the consortium's operator does it")
        parser.add_argument("--reissue", action="store_true", help="give the member a new key at once (operator)")

    def handle(self, *args: Any, **options: Any) -> None:
        member = member_coded(options["party"])
        as_operator = options["as_operator"] or options["reissue"]
        acting = Party.objects.get(pk=operator_of(settings.LOG_ORIGIN)) if as_operator else member
        by = keyholder_actor(acting)
        with said_plainly():
            key_operations.revoke_key(
                key_id=options["key_id"],
                reason=options["reason"],
                compromised_at=self._since(options["compromised_since"]),
                party=member.pk,
                by=by,
                at=now(),
                key=str(uuid7()),
            )
            self.stdout.write(f"The key {options['key_id']} of {member.code} signs nothing from here on.")
            if options["reissue"]:
                key_operations.reissue_key(party=member.pk, by=by, at=now(), key=str(uuid7()))
                self.stdout.write(f"{member.code} has a new key.")

    @staticmethod
    def _since(text: str | None) -> datetime | None:
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise CommandError(f"“{text}” is no time. Write one such as 2026-03-01T08:00:00+00:00.") from None
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
