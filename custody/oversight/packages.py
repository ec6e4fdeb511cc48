"""What an inspection's package holds: the therapies in scope with their evidence, exceptions and proofs, as JSON.

Each therapy's evidence is a bundle that `python -m ledger.verify` checks; the inspection's own records are one more.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

from django.conf import settings

from custody.compliance.bundles import therapy_bundle
from custody.compliance.models import ComplianceProof
from custody.exceptions.models import CustodyException
from custody.oversight import rules
from custody.oversight.queries import InspectionLine, in_scope
from custody.therapies.models import Therapy
from ledger.bundles import export
from ledger.bundles import format as file_format
from ledger.bundles.format import Bundle
from ledger.bundles.package import Package
from ledger.clock import stamp
from ledger.crypto import canonical
from ledger.errors import Conflict
from ledger.parties.actor import Actor

MOST = 100
"""Therapies in one package from a screen; a command of the server takes any number."""


class ScopeTooWide(Conflict):
    """More therapies are in scope than a package holds."""


def package_of(found: InspectionLine, *, by: Actor, at: datetime, most: int = MOST) -> Package:
    """The package, not yet signed. Raises ScopeTooWide, NotYetInTheLog."""
    therapies = list(in_scope(found).order_by("ordered_at", "id")[: most + 1])
    if len(therapies) > most:
        raise ScopeTooWide(
            f"More than {most} therapies are in scope. Open an inspection of a shorter period or of one product, "
            "or ask the operator for the package (manage.py inspection_package)."
        )
    files = {f"therapies/{one.id}.zip": _bytes(therapy_bundle(therapy=one.id, at=at)) for one in therapies}
    own = export.bundle_of(kind=rules.INSPECTION, subject=found.id, at=at)
    files["inspection.zip"] = _bytes(own)
    files["checkpoint"] = own.checkpoint.encode()
    files["therapies.json"] = canonical.encode({"therapies": [_therapy(one) for one in therapies]})
    files["exceptions.json"] = canonical.encode({"exceptions": _exceptions(therapies)})
    files["proofs.json"] = canonical.encode({"proofs": _proofs(therapies)})
    return Package(
        manifest={
            "inspection": str(found.id),
            "reference": found.reference,
            "reason": found.reason,
            "site": str(found.site),
            "product": found.product,
            "since": stamp(found.since),
            "until": stamp(found.until),
            "log": settings.LOG_ORIGIN,
            "log_key": own.log_key,
            "made_at": stamp(at),
            "made_by": str(by.party),
            "therapies": len(therapies),
        },
        files=files,
    )


def _bytes(bundle: Bundle) -> bytes:
    file = BytesIO()
    file_format.write(file, bundle)
    return file.getvalue()


def _therapy(row: Therapy) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "product": row.product,
        "centre": str(row.centre_id),
        "maker": str(row.maker_id) if row.maker_id else None,
        "status": row.status,
        "proof_state": row.proof_state,
        "open_exceptions": row.open_exceptions,
        "ordered_at": stamp(row.ordered_at),
        "ended_at": stamp(row.ended_at) if row.ended_at else None,
    }


def _exceptions(therapies: list[Therapy]) -> list[dict[str, Any]]:
    rows = CustodyException.objects.filter(therapy__in=therapies).order_by("rank", "opened_at", "id")
    return [
        {
            "id": str(row.id),
            "therapy": str(row.therapy_id),
            "kind": row.kind,
            "finding": row.finding,
            "opened_at": stamp(row.opened_at),
            "closed_at": stamp(row.closed_at) if row.closed_at else None,
            "resolution": row.resolution,
            "cause": row.cause,
            "why": row.why,
            "record": str(row.record_id),
        }
        for row in rows
    ]


def _proofs(therapies: list[Therapy]) -> list[dict[str, Any]]:
    rows = ComplianceProof.objects.filter(therapy__in=therapies).order_by("therapy", "published_at", "id")
    return [
        {
            "therapy": str(row.therapy_id),
            "segment": row.segment,
            "verdict": row.verdict,
            "circuit": row.circuit,
            "key": row.key,
            "proof": row.proof,
            "inputs": dict(row.inputs),
            "reasons": [str(reason) for reason in row.reasons],
            "record": str(row.record_id),
        }
        for row in rows
    ]
