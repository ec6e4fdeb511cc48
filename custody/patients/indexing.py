"""Making the blind indexes of record numbers anew, when their key is rotated."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from custody.contract import erasure
from custody.patients.models import Patient
from custody.patients.queries import COLUMN, TABLE
from ledger.parties.actor import service_actor
from ledger.privacy import queries as privacy
from ledger.privacy import rotation
from ledger.privacy.indexes import blind_index
from ledger.privacy.models import DataKey


def register() -> None:
    """Make it known to the rotation, once."""
    rotation.register_index(
        rotation.Reindex(
            left=lambda version: list(_rows(version).order_by("pk").values_list("pk", flat=True)[: rotation.BATCH]),
            move=move,
            left_count=lambda version: _rows(version).count(),
        )
    )


def move(patient: UUID, version: int) -> None:
    """One patient's index under the key of this version."""
    with transaction.atomic():
        # The patient first, then the key, as a correction takes them.
        row = Patient.objects.select_for_update().get(pk=patient)
        DataKey.objects.select_for_update().filter(subject=patient).first()
        if row.index_version >= version or row.erased == erasure.WHOLE:
            return
        by = service_actor(
            party=row.centre_id, party_code="", party_kind="treatment_centre", service="indexing",
            permissions=frozenset(),
        )  # fmt: skip
        number = privacy.open_fields(subject=patient, table=TABLE, row=str(patient), by=by, fields=["record_number"])
        row.record_number_index = blind_index(column=COLUMN, scope=str(row.centre_id), value=number["record_number"])
        row.index_version = version
        row.save(update_fields=["record_number_index", "index_version"])


def _rows(version: int) -> QuerySet[Patient]:
    return Patient.objects.filter(index_version__lt=version).exclude(erased=erasure.WHOLE)
