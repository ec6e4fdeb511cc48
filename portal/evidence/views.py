"""Ledger health, and each record's proof as a file (C2SP tlog-proof)."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from custody.compliance import bundles
from custody.therapies import disclosure
from custody.therapies.queries import find_therapy
from ledger.anchors import queries as anchors
from ledger.bundles import format as file_format
from ledger.clock import now
from ledger.cosigning import queries as cosigning
from ledger.divergence import queries as divergence
from ledger.divergence import watch as audit
from ledger.errors import NotFound
from ledger.log import evidence, health, log_keys
from ledger.log.models import Record
from ledger.outbox import queries as outbox
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names
from portal.accounts.actors import actor_of
from portal.evidence import presenter
from portal.evidence.log import EntriesHoldValues

CALM = timedelta(seconds=10)
"""A record that waits longer for its place means that no sequencer is at work."""


class RecordUnknown(NotFound):
    """There is no such record, or it is of a therapy that is not this actor's to see."""


@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """The ledger's health, in words first."""
    actor, at = actor_of(request), now()
    log, jobs, watch = health.health(), outbox.health(at=at), cosigning.watch(at=at)
    lines = health.logs()
    watches = {line.code: cosigning.watch(at=at, log=line.code) for line in lines} if len(lines) > 1 else {}
    context: dict[str, Any] = {
        "log": log,
        "stalled": log.oldest_pending_at is not None and at - log.oldest_pending_at > CALM,
        "log_keys": log_keys.in_force(log.checkpoint.size if log.checkpoint else 0),
        "watch": watch,
        "logs": presenter.logs(lines, watches),
        "audit": audit.last_round(),
        "diverged": divergence.alarm(),
        "witnesses": presenter.witnesses(watch, divergence.accusing()),
        "note": presenter.shortened(watch.published.note) if watch.published else "",
        "checkpoints": health.checkpoints(),
        "records": presenter.records(health.last_records()),
        "keys": health.member_keys(),
        "anchored": anchors.standing(),
        "on_chain": anchors.proofs_standing(),
        "jobs": jobs,
        "quarantined": outbox.quarantined(limit=20),
        "names": party_names(),
        "sees_entries": disclosure.sees_values(actor),
        "checked_at": at,
    }
    return render(request, "evidence/ledger.html", context)


@require_safe
def record_proof(request: HttpRequest, record: UUID) -> HttpResponse:
    """A record's place in the log as a file that any tlog-proof verifier reads."""
    _seen(record, actor_of(request))
    return _file(evidence.tlog_proof(record), f"{record}{_not_current()}.tlog-proof", "text/plain; charset=utf-8")


@require_safe
def record_envelope(request: HttpRequest, record: UUID) -> HttpResponse:
    """The record itself as its author signed it (DSSE): what its proof speaks about."""
    actor = actor_of(request)
    row = _seen(record, actor)
    if row.chain.kind == "therapy" and not disclosure.sees_values(actor):
        raise EntriesHoldValues("This record holds values of a step, which payers and couriers do not see.")
    return _file(bytes(row.envelope), f"{record}.dsse.json", "application/json")


def _seen(record: UUID, actor: Actor) -> Record:
    row = health.record_named(record)
    if row is None:
        raise RecordUnknown("There is no such record for your organisation.")
    if row.chain.kind == "therapy":
        find_therapy(therapy=row.chain.subject, by=actor)
    return row


def _file(content: str | bytes, name: str, kind: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return HttpResponse(content, content_type=kind, headers=headers)


@require_safe
def therapy_evidence(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """The therapy's evidence bundle: one file that `python -m ledger.verify` checks, offline."""
    file = BytesIO()
    file_format.write(file, bundles.bundle_for(therapy=therapy, by=actor_of(request), at=now()))
    return _file(file.getvalue(), f"{therapy}{_not_current()}.zip", "application/zip")


def _not_current() -> str:
    """What a file's name says when its checkpoint is stale: evidence is wanted most when something is wrong."""
    return "" if cosigning.vouched(at=now()).fresh else "-not-current"


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "evidence/help.html")


@require_safe
def privacy_page(request: HttpRequest) -> HttpResponse:
    return render(request, "evidence/privacy.html")
