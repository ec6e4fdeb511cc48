"""How proof records become verdicts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection

PUBLISHED = "custody.proof.published/v1"
REFUSED = "custody.proof.refused/v1"


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type not in {PUBLISHED, REFUSED}:
        return
    body = entry.body
    yield Insert(
        "custody.ComplianceProof",
        derived("proof", entry.subject, body["segment"]),
        {
            "therapy_id": entry.subject,
            "segment": body["segment"],
            "verdict": "proven" if entry.type == PUBLISHED else "not_proven",
            "circuit": body.get("circuit", ""),
            "key": body.get("key", ""),
            "inputs": dict(body.get("inputs", {})),
            "proof": body.get("proof", ""),
            "registry_size": body.get("registry_size", 0),
            "reasons": list(body.get("reasons", [])),
            "record_id": record_id,
            "published_at": entry.recorded_at,
        },
    )


PROJECTION = Projection(chain_kind="therapy", project=project, models={"custody.ComplianceProof": "therapy_id"})
