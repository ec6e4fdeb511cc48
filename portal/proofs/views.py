"""Proof pages, the evidence behind them, and a proof for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from custody.compliance import evidence, queries
from custody.compliance.operations import ProofSpeaksOfOtherFacts
from custody.compliance.verification import verify_published
from custody.contract.proofs import INPUTS
from custody.therapies import disclosure
from custody.therapies import queries as therapies
from ledger.clock import now, stamp
from ledger.cosigning import queries as cosigning
from ledger.errors import BadInput
from ledger.log.evidence import log_key, vouched_checkpoint
from ledger.log.queries import standings
from ledger.proofs.verifier import VerificationError
from portal.accounts.actors import actor_of
from portal.paging import page_of
from portal.presenters import therapies as present
from portal.proofs import presenter

KEPT_SECONDS = 24 * 3600
SHOWN = 50


@require_safe
def therapy_proofs(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """One therapy: each segment's verdict, and one click that verifies them in the reader's own browser."""
    actor = actor_of(request)
    journey = therapies.therapy_line(therapy=therapy, by=actor)
    segments = [presenter.segment(line) for line in queries.segments_of(therapy=therapy, by=actor)]
    context: dict[str, Any] = {
        "therapy": journey,
        "status": present.status_of(journey),
        "segments": segments,
        "proven": sum(1 for one in segments if one.kind == "proven"),
        "refused": [one for one in segments if one.kind == "stop"],
        "proofs": presenter.verification(by=actor, therapy=therapy),
        "can_verify": actor.may("proof.verify"),
        "checks": presenter.checks(stated=not disclosure.sees_values(actor)),
        "checked_at": now(),
    }
    return render(request, "proofs/therapy.html", context)


@require_safe
def proof_list(request: HttpRequest) -> HttpResponse:
    """Every published proof, or one month's, verified with one click; what cannot be proven stands beside."""
    actor = actor_of(request)
    month = request.GET.get("month", "")
    since, until = presenter.bounds(month)
    month = month if since else ""

    def fetch_published(limit: int, offset: int) -> list[queries.ProvenTherapy]:
        return queries.published(by=actor, since=since, until=until, limit=limit, offset=offset)

    def fetch_unproven(limit: int, offset: int) -> list[queries.Unproven]:
        return queries.unproven(by=actor, since=since, until=until, limit=limit, offset=offset)

    page = page_of(request, fetch_published, size=SHOWN)
    unproven = page_of(request, fetch_unproven, size=SHOWN, name="unproven")
    context: dict[str, Any] = {
        "rows": page.rows,
        "page": page,
        "unproven": unproven.rows,
        "unproven_page": unproven,
        "judged": queries.count_judged(by=actor, since=since, until=until),
        "months": presenter.months(queries.months(by=actor)),
        "month": month,
        "verdicts": queries.count_by_verdict(by=actor),
        "proofs": presenter.verification(by=actor, month=month),
        "checks": presenter.checks(stated=not disclosure.sees_values(actor)),
        "checked_at": now(),
    }
    return render(request, "proofs/list.html", context)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What a verification run has to fetch: the checkpoint, what all proofs share, and each therapy's evidence.

    The checkpoint comes with its co-signatures and with the policy that they are counted by, where one is set.
    """
    actor = actor_of(request)
    cosigning.check_fresh(at=now())
    checkpoint = vouched_checkpoint()
    therapy = request.GET.get("therapy", "")
    if therapy:
        line = therapies.therapy_line(therapy=_uuid(therapy), by=actor)
        segments = queries.segments_of(therapy=line.id, by=actor)
        packs = [(line, sum(1 for segment in segments if segment.verdict == queries.PROVEN))]
    else:
        since, until = presenter.bounds(request.GET.get("month", ""))
        found = queries.published(by=actor, since=since, until=until, limit=presenter.MAX_PACKS)
        packs = [(line.therapy, line.proofs) for line in found]
    size = f"?size={checkpoint.size}"
    return JsonResponse(
        {
            "size": checkpoint.size,
            "note": checkpoint.note,
            "vkey": log_key(checkpoint.size),
            "policy": cosigning.policy_for_readers(),
            "shared": reverse("proofs_shared") + size,
            "packs": [
                {
                    "therapy": str(line.id),
                    "name": line.call_name,
                    "proofs": number,
                    "url": reverse("proofs_evidence", args=[line.id]) + size,
                }
                for line, number in packs
            ],
        },
        headers={"Cache-Control": "no-store"},
    )


@require_safe
@gzip_page
def shared(request: HttpRequest) -> HttpResponse:
    """Members' keys, protocols, verification keys and loggers, at a checkpoint."""
    return _kept(evidence.shared(size=_size(request), by=actor_of(request)))


@require_safe
@gzip_page
def pack(request: HttpRequest, therapy: UUID) -> HttpResponse:
    """One therapy's records, at a checkpoint."""
    return _kept(evidence.pack(therapy=therapy, size=_size(request), by=actor_of(request)))


@require_safe
def api_proof(request: HttpRequest, proof: UUID) -> HttpResponse:
    """A published proof with its statement, verified anew by the reference verifier (about half a second)."""
    actor = actor_of(request)
    found = queries.proof(proof=proof, by=actor)
    standing = standings([found.record_id])[found.record_id]
    problem = ""
    try:
        verify_published(found)
    except (VerificationError, ProofSpeaksOfOtherFacts) as failure:
        problem = str(failure)
    key = next(iter(queries.keys([found.key])), None)
    return JsonResponse(
        {
            "id": str(found.id),
            "therapy": str(found.therapy_id),
            "segment": found.segment,
            "circuit": found.circuit,
            "proof": found.proof,
            "inputs": {name: found.inputs[name] for name in INPUTS},
            "registry_size": found.registry_size,
            "published_at": stamp(found.published_at),
            "key": {"digest": found.key, "ceremony": bool(key and key.ceremony)},
            "record": {
                "id": str(found.record_id),
                "index": standing.leaf_index,
                "entry_hash": standing.entry_hash,
                "standing": standing.standing,
            },
            "verification": {"holds": not problem, "problem": problem},
        },
        headers={"Cache-Control": "no-store"},
    )


def _kept(content: dict[str, Any]) -> HttpResponse:
    """Evidence at a checkpoint never changes, so the reader's own browser may keep it.

    Members' logs go on beside the one whose checkpoint the address names: evidence out of those is asked for anew.
    """
    caching = "no-store" if "logs" in content else f"private, max-age={KEPT_SECONDS}"
    return JsonResponse(content, headers={"Cache-Control": caching})


def _size(request: HttpRequest) -> int | None:
    text = request.GET.get("size", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadInput("The size of a checkpoint is a whole number.")
    return int(text)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("A therapy is named by a UUID.") from None
