"""Where a data-protection officer lands: what waits for a decision, and who looked at whom."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone

from custody.disclosures import queries as disclosures
from custody.emergency import queries as emergency
from custody.patients import access_log, overview
from ledger.clock import now
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.actions.base import fresh_key
from portal.dashboards.registry import Dashboard, NavItem, register
from portal.disclosures import presenter as disclosing
from portal.patients import presenter

LOOKED_AT = 1_000
"""Openings that are put together into lines of who looked."""
LOOKS_SHOWN = 25
ACCESSES_SHOWN = 10


def query(actor: Actor) -> dict[str, Any]:
    """Erasures that wait, and the last looks at the centre's patients."""
    at, names = now(), party_names()
    looks = access_log.looks_of_centre(actor.party, limit=LOOKED_AT)
    accesses = presenter.accesses(emergency.accesses_of_centre(by=actor, at=at, limit=ACCESSES_SHOWN), names)
    groups = access_log.together(looks, timezone.get_current_timezone())
    shown = groups[:LOOKS_SHOWN]
    opened = {patient for group in shown for patient in group.patients}
    return {
        "erasures": presenter.erasures(overview.waiting_erasures(by=actor)),
        "own": actor.person,
        "looks": presenter.together(shown, names, overview.call_names(opened)),
        "most_looks": LOOKED_AT if len(looks) == LOOKED_AT else 0,
        "more_looks": len(groups) - len(shown),
        "requests": disclosing.views(disclosures.to_answer(by=actor, at=at), names, at),
        "open_accesses": [one for one in accesses if one.line.is_open],
        "accesses": [one for one in accesses if not one.line.is_open],
        "end_key": fresh_key(),
        "checked_at": at,
    }


def navigation(actor: Actor) -> list[NavItem]:
    open_now = emergency.count_open(by=actor, at=now())
    return [
        NavItem("Patient data", reverse("home"), icon="shield-lock", count=open_now, tone="stop"),
        NavItem("Find a patient", reverse("find_patient"), icon="search"),
        NavItem("Erasures", reverse("erasures"), icon="eraser"),
        NavItem("Disclosures", reverse("disclosures"), icon="lock-open"),
    ]


register(
    Dashboard(
        roles=frozenset({"data_protection_officer"}),
        template="dashboards/privacy.html",
        query=query,
        navigation=navigation,
    )
)
