"""Takes members' registers into their own logs, from a process of its own."""

from __future__ import annotations

from django.utils import timezone

from ledger.log import sequencer
from ledger.parties.actor import service_actor
from ledger.parties.key_operations import add_key
from ledger.parties.models import Party


def cross() -> list[str]:
    """Two members add a key to their registers, which began in the operator's log. Their logs' codes."""
    at, codes = timezone.now(), []
    for party in Party.objects.exclude(kind="operator").order_by("code")[:2]:
        by = service_actor(
            party=party.id,
            party_code=party.code,
            party_kind=party.kind,
            service="test",
            permissions=frozenset({"keys.manage"}),
        )
        add_key(by=by, at=at, key=f"cross-{party.code}")
        codes.append(party.code.lower())
    sequencer.drain()
    return codes
