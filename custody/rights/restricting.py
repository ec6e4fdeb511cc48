"""Restricting the use of a patient's data, and lifting that (GDPR art. 18)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from custody.contract import erasure, rights
from custody.patients import permissions
from custody.patients.models import Patient
from custody.patients.queries import PatientNotFound
from ledger.clock import stamp
from ledger.ids import derived
from ledger.log.models import Chain, Record
from ledger.log.operations import append, open_chain, operation
from ledger.parties.actor import Actor


@operation
def restrict(*, patient: UUID, ground: str, by: Actor, at: datetime, key: str) -> Record:
    """From now on the data is kept, and used only as `restriction` allows. Raises NotPermitted, Refused."""
    chain = _chain(patient, by)
    return append(
        chain=chain,
        by=by,
        type=rights.RESTRICTED,
        body={"patient": str(patient), "restriction": str(derived("restriction", patient, key)), "ground": ground},
        meaning="use restricted",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def lift(*, patient: UUID, told_at: datetime, by: Actor, at: datetime, key: str) -> Record:
    """End the restriction, of which the patient was told at `told_at` (art. 18(3)). Raises NotPermitted, Refused."""
    chain = _chain(patient, by)
    return append(
        chain=chain,
        by=by,
        type=rights.LIFTED,
        body={"patient": str(patient), "restriction": chain.state.get("restricted"), "told_at": stamp(told_at)},
        meaning="restriction lifted",
        occurred_at=at,
        at=at,
        key=key,
    )


def _chain(patient: UUID, by: Actor) -> Chain:
    permissions.check_rights(by)
    if not Patient.objects.select_for_update().filter(pk=patient, centre=by.party).exists():
        raise PatientNotFound("There is no such patient at your centre.")
    return open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, patient))
