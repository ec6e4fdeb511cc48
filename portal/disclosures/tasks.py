"""Mail about disclosures: whoever has to answer, or may read, is told that there is something. No field, no name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from custody.disclosures.models import Disclosure
from custody.disclosures.operations import TELL
from ledger.outbox.handlers import JobRun, handles
from portal.accounts.models import Membership

SUBJECTS = {
    "asked": "Fields of a therapy are asked for",
    "given": "Fields of a therapy were shared with you",
    "answered": "Your request was answered",
    "refused": "Your request was refused",
    "taken_back": "A request to you was taken back: no answer is needed",
    "corrected": "What was disclosed to you has been corrected since",
}
TO_HOLDERS = ("asked", "taken_back")
HOLDERS = ("data_protection_officer", "qa")
RECEIVERS = ("inspector", "payer_analyst", "qa", "qp", "data_protection_officer")
BODY = """{subject}.

Open it in the portal:
{page}

This message holds no patient data.
"""


@handles(TELL, queue="notify", lease_seconds=60)
def tell(payload: Mapping[str, Any], run: JobRun) -> None:
    """Tell the people concerned; who has left meanwhile is not told."""
    row = Disclosure.objects.get(pk=UUID(payload["disclosure"]))
    what = payload["what"]
    party, roles = (row.holder_id, HOLDERS) if what in TO_HOLDERS else (row.receiver_id, RECEIVERS)
    held = Membership.objects.current(run.at).filter(party_id=party, role__in=roles, user__is_active=True)
    addresses = sorted(set(held.values_list("user__email", flat=True)))
    page = settings.PUBLIC_URL + reverse("disclosure", args=[row.pk])
    for address in addresses:
        send_mail(SUBJECTS[what], BODY.format(subject=SUBJECTS[what], page=page), None, [address])
