"""Mail about divergences: one job finds whom to tell, and one a person tells them, each tried until it is done."""

from __future__ import annotations

from collections.abc import Mapping
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

BODY = """{title} ({place}).

{meaning}

Found by: {reporters}
Detected: {detected:%Y-%m-%d %H:%M:%S} UTC
What the witness says: {problem}

Read what to do, and download the evidence:
{page}

This message was sent to each member's administrators and to the regulator's inspectors.
"""


@handles(TELL, queue="notify", atomic=True)
def tell(payload: Mapping[str, Any], run: JobRun) -> None:
    """One mail job for each person to be told; again makes no second one."""
    divergence = str(UUID(payload["divergence"]))
    hooks.tell_all(UUID(divergence), at=run.at)
    held = Membership.objects.current(run.at).filter(role__in=TOLD_ROLES, user__is_active=True)
    for person in held.order_by("user_id").values_list("user_id", flat=True).distinct():
        whom = {"divergence": divergence, "person": str(person)}
        enqueue(kind=MAIL, payload=whom, at=run.at, key=f"{MAIL}:{divergence}:{person}")


@handles(MAIL, queue="notify", lease_seconds=60)
def mail(payload: Mapping[str, Any], run: JobRun) -> None:
    """Tell one person by e-mail, unless they have left meanwhile."""
    held = Membership.objects.current(run.at).filter(user_id=payload["person"], role__in=TOLD_ROLES)
    membership = held.select_related("user").first()
    if membership is None or not membership.user.is_active:
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
