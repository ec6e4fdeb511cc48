"""Keys for tests: members' key holders, a backup, and a log whose key is being changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from ledger.log import log_keys
from ledger.log.models import Record
from ledger.parties import key_operations
from ledger.parties.actor import Actor
from ledger.parties.contract import operator_of
from ledger.parties.models import Party, PartyKey
from portal.accounts.actors import keyholder_actor


def holder(party: UUID) -> Actor:
    """Who holds the keys of a party."""
    return keyholder_actor(Party.objects.get(pk=party))


def steward() -> Actor:
    """Who holds the keys of the log's operator."""
    return holder(operator_of(settings.LOG_ORIGIN))


def backed_up(party: UUID, *, at: datetime, set_id: str = "0f" * 16) -> Record:
    """A backup of the party's key, as the ledger knows it."""
    public_key = PartyKey.objects.filter(party_id=party, ended_by=None).earliest("seq").public_key
    return key_operations.record_backup(
        public_key=public_key, set_id=set_id, threshold=2, custodians=["ab" * 32, "cd" * 32, "ef" * 32],
        by=holder(party), at=at, key=f"backup-{set_id}",
    )  # fmt: skip


def announced(*, at: datetime, days: int = 30) -> Record:
    """A successor of the log's key."""
    return log_keys.announce_log_key(
        until=at + timedelta(days=days), by=steward(), at=at, key=f"announce-{at.isoformat()}"
    )
