"""What the restriction of a patient's data closes, and what it leaves open (GDPR art. 18(2)).

Closed are lists, searches and the patient's page to everybody but the data-protection officer, new orders, erasure, and
disclosures for payment. Open stay a therapy that is under way, which the patient consented to and whose people have to
know who is in the bed, an emergency, and what an authority or a court may ask for.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from custody.patients import permissions
from custody.patients.models import PatientAct
from custody.therapies.models import Therapy
from ledger.errors import Conflict
from ledger.parties.actor import Actor

CLOSED_PURPOSES = frozenset({"payment"})
"""Purposes of a disclosure that are neither a claim, nor care, nor an important public interest."""


class UseRestricted(Conflict):
    """The data may be kept, and not used for this."""


def is_restricted(patient: UUID) -> bool:
    """Whether a restriction stands."""
    return PatientAct.objects.filter(patient_id=patient, kind="restricted", ended_at=None).exists()


def open_to(by: Actor) -> Q:
    """Which rows of Patient this actor may still open, as a condition of one query."""
    if by.may(permissions.RIGHTS):
        return Q()
    standing = PatientAct.objects.filter(patient_id=OuterRef("pk"), kind="restricted", ended_at=None)
    treated = Therapy.objects.filter(patient_id=OuterRef("pk"), status="active")
    return ~Exists(standing) | Q(Exists(treated))


def check_may_order(patient: UUID) -> None:
    """Raises UseRestricted."""
    if is_restricted(patient):
        raise UseRestricted(
            "The use of this patient's data is restricted. The data-protection officer of your centre lifts that first."
        )


def check_may_disclose(patient: UUID, purpose: str) -> None:
    """Raises UseRestricted when this purpose does not stand above a restriction."""
    if purpose in CLOSED_PURPOSES and is_restricted(patient):
        raise UseRestricted("The use of this patient's data is restricted, and this purpose does not stand above that.")
