"""A member's web hooks with what was delivered to them."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.parties.actor import Actor
from portal.hooks.models import HookDelivery, WebHook

SHOWN = 20


@dataclass(frozen=True, slots=True)
class HookLine:
    """One address and its last deliveries, the newest first."""

    hook: WebHook
    deliveries: tuple[HookDelivery, ...]


def hooks_of(*, by: Actor) -> list[HookLine]:
    """The web hooks of the actor's organisation that were not removed. Raises NotPermitted."""
    by.check("members.manage")
    rows = WebHook.objects.filter(party_id=by.party, removed_at=None).order_by("created_at", "id")
    return [HookLine(row, tuple(row.deliveries.order_by("-at", "-id")[:SHOWN])) for row in rows]
