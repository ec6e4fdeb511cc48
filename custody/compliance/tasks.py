"""The job that judges a segment: gather, prove in the prover process, verify, publish; or say why not."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from custody.compliance import operations
from custody.compliance.keys import publish_key
from custody.compliance.readings import registry_size
from custody.compliance.triggers import JOB
from custody.compliance.witness import EvidenceMissing, gather
from custody.contract.proofs import out_of_limits
from custody.protocols.wording import in_titles
from custody.therapies.steps import protocol_of
from ledger.errors import NotFound
from ledger.log.models import Chain
from ledger.outbox.handlers import JobRun, handles
from ledger.parties.actor import Actor, service_actor
from ledger.parties.models import Party, PartyKind
from ledger.proofs.circuit import CapacityClass, TooManyReadings, capacity_class
from ledger.proofs.keys import Progress, quiet
from ledger.proofs.prover import CannotProve, Prover
from ledger.proofs.specification import UnprovableSpec
from ledger.proofs.statement import NotEncodable

_provers: dict[str, Prover] = {}
_guard = threading.Lock()


class OperatorMissing(NotFound):
    """No consortium operator is enrolled, so nobody can publish."""


def prover_of(size: CapacityClass, progress: Progress = quiet) -> Prover:
    """This process's prover for a capacity class; its own process is started at the first proof."""
    with _guard:
        if size.name not in _provers:
            _provers[size.name] = Prover(
                Path(settings.PROOF_CACHE_DIR), size, progress=progress, unsafe=settings.DEMONSTRATION
            )
        return _provers[size.name]


def close_provers() -> None:
    """End the prover processes; called when the worker stops."""
    with _guard:
        for prover in _provers.values():
            prover.close()
        _provers.clear()


@handles(JOB, queue="proofs", lease_seconds=120, max_attempts=5)
def prove_segment(payload: Mapping[str, Any], run: JobRun) -> None:
    """Judge one segment. Runs twice without harm: a segment has one verdict."""
    prove_now(
        therapy=UUID(payload["therapy"]),
        segment=str(payload["segment"]),
        at=run.at,
        progress=lambda part, words: run.report(int(part * 100), words),
    )


def prove_now(*, therapy: UUID, segment: str, at: datetime, progress: Progress = quiet) -> None:
    """Gather, prove, verify and publish; or publish why not. Nothing when the segment has its verdict."""
    chain = Chain.objects.get(kind="therapy", subject=therapy)
    protocol = protocol_of(chain)
    if segment in chain.state["proofs"]:
        return
    by, key = operator_prover(), f"{segment}:{therapy}"
    size = registry_size()
    outside = out_of_limits(chain.state, protocol, segment)
    if outside:
        operations.refuse_proof(therapy=therapy, segment=segment, reasons=outside, by=by, at=at, key=key)
        return
    try:
        evidence = gather(
            chain=chain,
            protocol=protocol,
            segment=operations.segment_named(protocol, segment),
            registry_size=size,
        )
        readings = len(evidence.witness.readings.readings) if evidence.witness.readings else 0
        proof = prover_of(capacity_class(readings), progress).prove(evidence.spec, evidence.witness)
    except CannotProve as refusal:
        reasons = [in_titles(violation.reason, protocol) for violation in refusal.reasons]
        operations.refuse_proof(therapy=therapy, segment=segment, reasons=reasons, by=by, at=at, key=key)
    except (EvidenceMissing, TooManyReadings, UnprovableSpec, NotEncodable) as problem:
        reasons = [in_titles(str(problem), protocol)]
        operations.refuse_proof(therapy=therapy, segment=segment, reasons=reasons, by=by, at=at, key=key)
    else:
        publish_key(proof=proof, by=by, at=at)
        operations.publish_proof(
            therapy=therapy, segment=segment, proof=proof, registry_size=size, by=by, at=at, key=key
        )


def operator_prover() -> Actor:
    """The prover, acting for the consortium's operator. Raises OperatorMissing."""
    operator = Party.objects.filter(kind=PartyKind.OPERATOR).order_by("code").first()
    if operator is None:
        raise OperatorMissing("No consortium operator is enrolled. Load the consortium first.")
    return service_actor(
        party=operator.id,
        party_code=operator.code,
        party_kind=operator.kind,
        service="prover",
        permissions=frozenset({"proof.publish", "exception.open", "document.publish"}),
    )
