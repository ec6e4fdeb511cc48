"""Holding a therapy after a fork of the ledger, and freeing it: by its members' agreement, or by two people."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from custody.contract import holds
from custody.therapies.queries import find_therapy
from custody.therapies.steps import lock_therapy
from ledger.errors import BadInput
from ledger.log.models import Record
from ledger.log.operations import append, operation
from ledger.parties.actor import Actor

EMERGENCIES = {
    "patient_deteriorates": "The patient gets worse and cannot wait",
    "conditioning_given": "The chemotherapy before the infusion has been given",
    "cells_expire": "The cells expire before the members can agree",
}


class EmergencyMissing(BadInput):
    """The glass is broken for one of the known emergencies only."""


@operation
def hold_therapy(*, therapy: UUID, divergence: UUID, agreed: int, by: Actor, at: datetime, key: str) -> Record:
    """Hold a therapy because of a divergence: what the log says from place `agreed` on is in doubt."""
    chain, _ = lock_therapy(therapy)
    by.check("hold.place")
    return append(
        chain=chain,
        by=by,
        type=holds.HELD,
        body={"divergence": str(divergence), "agreed": agreed},
        meaning="held after a divergence",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def agree_on_records(*, therapy: UUID, divergences: Collection[str], by: Actor, at: datetime, key: str) -> Record:
    """Confirm, for one's organisation, that a held therapy's records are those that it holds to be true.

    `divergences` are those that the signer saw. The last member that is needed frees the therapy. Raises NotPermitted,
    TherapyNotFound, Refused.
    """
    find_therapy(therapy=therapy, by=by)
    chain, _ = lock_therapy(therapy)
    by.check("hold.agree")
    return append(
        chain=chain,
        by=by,
        type=holds.AGREED,
        body={"divergences": sorted(divergences)},
        meaning="records confirmed after a divergence",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def break_glass(
    *, therapy: UUID, divergences: Collection[str], emergency: str, by: Actor, at: datetime, key: str
) -> Record:
    """Sign, as physician or as Qualified Person, that a held therapy goes on in an emergency; both together free it.

    Raises NotPermitted, TherapyNotFound, EmergencyMissing, Refused.
    """
    find_therapy(therapy=therapy, by=by)
    chain, _ = lock_therapy(therapy)
    by.check("hold.break")
    if emergency not in EMERGENCIES:
        raise EmergencyMissing("Say what the emergency is.", field="emergency")
    return append(
        chain=chain,
        by=by,
        type=holds.BROKEN,
        body={"divergences": sorted(divergences), "emergency": emergency},
        meaning="freed in an emergency",
        occurred_at=at,
        at=at,
        key=key,
    )
