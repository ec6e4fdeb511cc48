"""Navigation of whoever reads the audit trail: one entry, which leads to inspections, signed reports and the trail."""

from __future__ import annotations

from django.urls import reverse

from custody.oversight import queries
from ledger.clock import now
from ledger.parties.actor import Actor
from portal.dashboards.registry import NavItem
from portal.oversight.presenter import tabs_for


def oversight_items(actor: Actor) -> list[NavItem]:
    """The entry, with the number of inspections that are open; nothing for who does not read the audit trail."""
    tabs = tabs_for(actor)
    if not tabs:
        return []
    opened = queries.count_open(by=actor, at=now())
    return [NavItem("Oversight", reverse(tabs[0][0]), icon="gavel", count=opened or None)]
