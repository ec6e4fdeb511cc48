"""Mail about divergences: one job finds whom to tell, and one a person tells them, each tried until it is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from ledger.divergence import queries
from ledger.divergence.operations import TELL
from ledger.outbox.handlers import JobRun, handles
from ledger.outbox.operations import enqueue
from ledger.parties.queries import party_names
from portal.accounts.models import Membership
from portal.divergence import presenter
from portal.hooks import tasks as hooks

MAIL = "divergence.mail"
TOLD_ROLES = ("administrator", "inspector", "operator_steward")
"""Each member's administrators, the regulator's inspectors and the operator's stewards."""
STAND_INS = ("qa", "qp", "dispatcher", "payer_analyst")
"""Who is told where a member has none of those: no member may be left without word (DESIGN §3)."""

BODY = """{title} ({place}).

{meaning}

Found by: {reporters}
Detected: {detected:%Y-%m-%d %H:%M:%S} UTC
What the witness says: {problem}

Read what to do, and download the evidence:
{page}

This message was sent to each member's administrators, or to who stands in for them, and to the regulator's inspectors.
"""


@handles(TELL, queue="notify", atomic=True)
def tell(payload: Mapping[str, Any], run: JobRun) -> None:
    """One mail job for each person to be told; again makes no second one."""
    divergence = str(UUID(payload["divergence"]))
    hooks.tell_all(UUID(divergence), at=run.at)
    for person in sorted({membership.user_id for membership in to_be_told(at=run.at)}):
        whom = {"divergence": divergence, "person": str(person)}
        enqueue(kind=MAIL, payload=whom, at=run.at, key=f"{MAIL}:{divergence}:{person}")


def to_be_told(*, at: datetime) -> list[Membership]:
    """Of each member those whose office it is; else those who stand in for them; else everybody whom it has."""
    of_members: dict[UUID, list[Membership]] = {}
    held = Membership.objects.current(at).filter(user__is_active=True).select_related("user")
    for membership in held.order_by("user_id"):
        of_members.setdefault(membership.party_id, []).append(membership)
    return [
        membership
        for several in of_members.values()
        for membership in next(
            found
            for found in (
                [one for one in several if one.role in TOLD_ROLES],
                [one for one in several if one.role in STAND_INS],
                several,
            )
            if found
        )
    ]


@handles(MAIL, queue="notify", lease_seconds=60)
def mail(payload: Mapping[str, Any], run: JobRun) -> None:
    """Tell one person by e-mail, unless they have left meanwhile."""
    told = (one for one in to_be_told(at=run.at) if str(one.user_id) == payload["person"])
    membership = next(told, None)
    if membership is None:
        return
    one = queries.divergence_named(UUID(payload["divergence"]))
    names = party_names()
    text = BODY.format(
        title=presenter.title(one),
        place=presenter.place(one),
        meaning=presenter.MEANINGS[one.kind],
        reporters=", ".join(f"{names.get(by.party, by.party)} ({by.witness})" for by in one.reporters),
        detected=one.detected_at,
        problem=one.problem,
        page=settings.PUBLIC_URL + reverse("divergence", args=[one.id]),
    )
    send_mail(f"The ledger has diverged: {presenter.TITLES[one.kind]}", text, None, [membership.user.email])
