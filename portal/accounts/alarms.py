"""Repeated failed sign-ins (21 CFR 11.300(d)): the organisation's administrators are told, and the audit trail says so.

Wrong passwords count per address, over all processes of the server, whether they were tried at sign-in or to sign a
record. An address that nobody has is counted too, so that nothing shows which ones exist, but there is nobody to tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import transaction

from ledger.log.models import RefusedAction
from ledger.outbox.handlers import JobRun, handles
from ledger.outbox.operations import enqueue
from portal.accounts.models import Membership, User, normal_email

MAIL = "accounts.failed_sign_ins"
TOLD_AGAIN_SECONDS = 3600
OPERATION = "portal.accounts.sign_in"
CODE = "RepeatedFailedSignIns"
BODY = """Somebody entered a wrong password for {name} ({email}) {count} times within {minutes} minutes.
The last time was {at:%Y-%m-%d %H:%M:%S} UTC.

Further attempts wait five minutes. If it was not {name}, ask them to change their password and to look at where they
are signed in; if the account is in other hands, end its role under “People”.

You get this as an administrator of {party}. The audit trail has an entry of it.
"""


def sign_in_failed(*, email: str, at: datetime) -> None:
    """Count a wrong password; tell when there were too many of one address."""
    address = normal_email(email)
    if not address or _count(address) != settings.FAILED_SIGN_INS_TOLD:
        return
    user = User.objects.filter(email=address).first()
    told = f"np-shared:told:{_name(address)}"
    if user is None or not cache.add(told, "y", TOLD_AGAIN_SECONDS):
        return
    with transaction.atomic():
        for held in Membership.objects.current(at).filter(user=user):
            _tell(user, held, at)


def _count(address: str) -> int:
    key = f"np-shared:failed:{_name(address)}"
    cache.add(key, 0, settings.FAILED_SIGN_INS_SECONDS)
    try:
        return cache.incr(key)
    except ValueError:
        # It expired in between.
        cache.set(key, 1, settings.FAILED_SIGN_INS_SECONDS)
        return 1


def _name(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:32]


def _tell(user: User, held: Membership, at: datetime) -> None:
    minutes = settings.FAILED_SIGN_INS_SECONDS // 60
    RefusedAction.objects.create(
        person=user.pk,
        party=held.party_id,
        role=held.role,
        operation=OPERATION,
        code=CODE,
        reason=f"{settings.FAILED_SIGN_INS_TOLD} wrong passwords in {minutes} minutes. The administrators were told.",
        subject="",
        at=at,
    )
    administrators = Membership.objects.current(at).filter(
        party_id=held.party_id, role="administrator", user__is_active=True
    )
    for one in administrators:
        enqueue(
            kind=MAIL,
            payload={"administrator": one.pk, "membership": held.pk, "at": at.isoformat()},
            at=at,
            key=f"{MAIL}:{one.pk}:{held.pk}:{at.isoformat()}",
        )


@handles(MAIL, queue="notify", lease_seconds=60)
def mail(payload: Mapping[str, Any], run: JobRun) -> None:
    """Tell one administrator by e-mail, unless they have left meanwhile."""
    administrator = (
        Membership.objects.current(run.at).filter(pk=payload["administrator"]).select_related("user", "party").first()
    )
    held = Membership.objects.filter(pk=payload["membership"]).select_related("user").first()
    if administrator is None or held is None:
        return
    text = BODY.format(
        name=held.user.name,
        email=held.user.email,
        count=settings.FAILED_SIGN_INS_TOLD,
        minutes=settings.FAILED_SIGN_INS_SECONDS // 60,
        at=datetime.fromisoformat(payload["at"]),
        party=administrator.party.name,
    )
    send_mail(f"Repeated failed sign-ins: {held.user.name}", text, None, [administrator.user.email])
