"""Delivering web hooks: one job a receiver, so that a dead one delays nobody, tried for about a day.

Jobs stand in a queue of their own with threads of their own. A receiver that failed last time comes a second after the
others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from ledger import clock
from ledger.clock import stamp
from ledger.divergence import queries
from ledger.divergence.queries import DivergenceLine
from ledger.outbox.handlers import JobRun, handles
from ledger.outbox.operations import enqueue
from ledger.parties.keystore import keystore
from ledger.parties.models import Party
from portal.divergence import presenter
from portal.hooks import sending, signing
from portal.hooks.models import HookDelivery, WebHook
from portal.hooks.operations import DELIVER, QUEUE, TEST

REPORTED = "ledger.divergence.reported"
ATTEMPTS = 100
"""With at most fifteen minutes between two attempts, about a day."""


class NotTaken(Exception):
    """The receiver did not answer, or not with 2xx; it is tried again later."""


def tell_all(divergence: UUID, *, at: datetime) -> None:
    """One job for each registered address; again makes no second one."""
    for hook in WebHook.objects.filter(removed_at=None).order_by("id"):
        enqueue(
            kind=DELIVER,
            payload={"hook": str(hook.pk), "event": REPORTED, "divergence": str(divergence)},
            at=at,
            run_after=at + timedelta(seconds=1 if hook.failing_since else 0),
            key=f"{DELIVER}:{divergence}:{hook.pk}",
        )


@handles(DELIVER, queue=QUEUE, lease_seconds=30, max_attempts=ATTEMPTS)
def deliver(payload: Mapping[str, Any], run: JobRun) -> None:
    """One attempt at one receiver, written down whatever comes of it."""
    hook = WebHook.objects.filter(pk=payload["hook"], removed_at=None).first()
    if hook is None:
        return
    message = f"msg_{run.job_id}"
    body = json.dumps(_body(payload), sort_keys=True, separators=(",", ":")).encode()
    operator = Party.objects.filter(kind="operator").order_by("code").values_list("pk", flat=True).get()
    at = clock.now()
    headers = signing.headers(
        message=message, timestamp=int(at.timestamp()), body=body, signer=keystore().signer(f"party-{operator}")
    )
    headers["User-Agent"] = "needlepoint-web-hook"
    answer = sending.post(hook.url, body=body, headers=headers, private=settings.HOOKS_TO_PRIVATE)
    HookDelivery.objects.create(
        hook=hook,
        message=message,
        kind=payload["event"],
        attempt=run.attempt,
        status=answer.status,
        said=answer.said[:300],
        milliseconds=answer.milliseconds,
        at=at,
    )
    hook.failing_since = None if answer.taken else hook.failing_since or at
    hook.save(update_fields=["failing_since"])
    if not answer.taken:
        raise NotTaken


def _body(payload: Mapping[str, Any]) -> dict[str, Any]:
    if payload["event"] == TEST:
        return {"type": TEST, "timestamp": payload["at"], "data": {"log": settings.LOG_ORIGIN}}
    one = queries.divergence_named(UUID(payload["divergence"]))
    return {"type": REPORTED, "timestamp": stamp(one.received_at), "data": facts(one)}


def facts(one: DivergenceLine) -> dict[str, Any]:
    """What a receiver is told: what broke, who says so, their signed reports, and where the evidence is. No values.

    A report names each piece of its evidence by its SHA-256; the bytes themselves are behind the sign-in.
    """
    page = settings.PUBLIC_URL + reverse("divergence", args=[one.id])
    return {
        "id": str(one.id),
        "kind": one.kind,
        "title": presenter.title(one),
        "log": one.log,
        "size": one.size,
        "index": one.index,
        "detected_at": stamp(one.detected_at),
        "received_at": stamp(one.received_at),
        "reopens": str(one.reopens) if one.reopens else None,
        "page": page,
        "evidence": settings.PUBLIC_URL + reverse("divergence_evidence", args=[one.id]),
        "reports": [
            {"witness": report.finding.witness, "vkey": vkey, "dsse": report.envelope.decode()}
            for vkey, report in queries.reports_of(one.id)
        ],
    }
