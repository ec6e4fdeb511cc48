"""Registering and removing web hooks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ledger.errors import Conflict, NotFound
from ledger.outbox.operations import enqueue
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from portal.audit.operations import write_down
from portal.hooks.models import WebHook
from portal.hooks.sending import check_url

DELIVER = "hook.deliver"
QUEUE = "hooks"
MOST = 5
TEST = "test"


class TooManyHooks(Conflict):
    """A member has as many web hooks as one may have."""


class HookTaken(Conflict):
    """The address is registered already."""


class HookUnknown(NotFound):
    """There is no such web hook of this organisation."""


@transaction.atomic
def add_hook(*, url: str, by: Actor, at: datetime) -> WebHook:
    """Register an address of the actor's organisation. Raises NotPermitted, BadAddress, TooManyHooks, HookTaken."""
    by.check("members.manage")
    check_url(url, private=settings.HOOKS_TO_PRIVATE)
    Party.objects.select_for_update().get(pk=by.party)
    mine = WebHook.objects.filter(party_id=by.party, removed_at=None)
    if mine.filter(url=url).exists():
        raise HookTaken("This address is registered already.", field="url")
    if mine.count() >= MOST:
        raise TooManyHooks(f"An organisation has at most {MOST} web hooks. Remove one first.", field="url")
    write_down("hook.added", subject=url, by=by, at=at, after={"address": url})
    return WebHook.objects.create(party_id=by.party, url=url, person=by.person, created_at=at)


@transaction.atomic
def remove_hook(*, hook: UUID, by: Actor, at: datetime) -> WebHook:
    """Send nothing more to an address. Raises NotPermitted, HookUnknown."""
    row = _own(hook, by)
    if row.removed_at is None:
        row.removed_at = at
        row.save(update_fields=["removed_at"])
        write_down("hook.removed", subject=row.url, by=by, at=at, before={"address": row.url}, after={"address": ""})
    return row


@transaction.atomic
def test_hook(*, hook: UUID, by: Actor, at: datetime) -> WebHook:
    """Send a message that says that it is a test. Raises NotPermitted, HookUnknown."""
    row = _own(hook, by)
    if row.removed_at is not None:
        raise HookUnknown("This web hook was removed.")
    enqueue(kind=DELIVER, payload={"hook": str(row.pk), "event": TEST, "at": at.isoformat()}, at=at)
    return row


def _own(hook: UUID, by: Actor) -> WebHook:
    by.check("members.manage")
    row = WebHook.objects.select_for_update().filter(pk=hook, party_id=by.party).first()
    if row is None:
        raise HookUnknown("Your organisation has no such web hook.")
    return row
