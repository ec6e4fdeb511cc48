"""The alert: the data-protection officers of the patient's centre are told that the glass was broken, by e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from custody.contract import emergency
from custody.emergency.models import EmergencyAccess
from custody.emergency.operations import ALERT
from ledger.outbox.handlers import JobRun, handles
from ledger.parties.queries import party_names
from portal.accounts.models import Membership, User
from portal.accounts.roles import ROLES

TOLD = ("data_protection_officer",)
INSTEAD = ("administrator",)
BODY = """Somebody opened a patient's identity in an emergency.

Who: {who}, {role}, {party}
Why: {reason}
From: {opened:%Y-%m-%d %H:%M} UTC, until {until:%H:%M} UTC at the latest

Read it, or end the access now:
{page}

This message holds no patient data.
"""


@handles(ALERT, queue="notify", lease_seconds=60)
def alert(payload: Mapping[str, Any], run: JobRun) -> None:
    """Tell each officer; an administrator where the centre has none."""
    row = EmergencyAccess.objects.get(pk=UUID(payload["access"]))
    held = Membership.objects.current(run.at).filter(party_id=row.holder_id, user__is_active=True)
    addresses = sorted(set(held.filter(role__in=TOLD).values_list("user__email", flat=True)))
    addresses = addresses or sorted(set(held.filter(role__in=INSTEAD).values_list("user__email", flat=True)))
    who = User.objects.filter(pk=row.person).values_list("name", flat=True).first() or "Somebody who has left"
    text = BODY.format(
        who=who,
        role=ROLES[row.role].name if row.role in ROLES else row.role,
        party=party_names().get(row.party_id, ""),
        reason=emergency.REASONS[row.reason],
        opened=row.opened_at,
        until=row.until,
        page=settings.PUBLIC_URL + reverse("home"),
    )
    for address in addresses:
        send_mail("A patient’s identity was opened in an emergency", text, None, [address])
