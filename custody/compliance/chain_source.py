"""Published proofs, as the ledger's anchoring asks for them. Everything here is public to every member."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from custody.compliance.keys import KEY_KINDS
from custody.compliance.models import ComplianceProof
from custody.compliance.queries import published_proofs
from custody.contract.proofs import INPUTS
from custody.therapies.models import Therapy
from ledger.anchors.sources import PublishedProof
from ledger.log.models import Document


class ComplianceProofs:
    """The source of `ledger.anchors`: every segment's proof, in the order of publication."""

    def keys_in_use(self) -> Sequence[str]:
        return list(Document.objects.filter(kind__in=KEY_KINDS).values_list("digest", flat=True))

    def waiting(
        self, *, known: Sequence[QuerySet[Any, Any]], keys: Collection[str], limit: int
    ) -> Sequence[PublishedProof]:
        rows = published_proofs().filter(key__in=keys).order_by("published_at", "id")
        for records in known:
            rows = rows.exclude(Exists(records.filter(record_id=OuterRef("record_id"))))
        return [_read(row) for row in rows[:limit]]

    def of_record(self, record: UUID) -> PublishedProof | None:
        row = published_proofs().filter(record_id=record).first()
        return _read(row) if row else None

    def of_segment(self, therapy: UUID, spec_hash: int) -> PublishedProof | None:
        rows = published_proofs().filter(therapy_id=therapy)
        row = next((row for row in rows if row.inputs["specHash"] == str(spec_hash)), None)
        return _read(row) if row else None

    def knows(self, therapy: UUID) -> bool:
        return Therapy.objects.filter(pk=therapy).exists()


def _read(row: ComplianceProof) -> PublishedProof:
    inputs = tuple(int(row.inputs[name]) for name in INPUTS)
    return PublishedProof(row.record_id, row.key, inputs, bytes.fromhex(row.proof))
