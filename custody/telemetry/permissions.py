"""Who may do what with loggers and readings: the role's permission, at an organisation of the therapy."""

from __future__ import annotations

from uuid import UUID

from custody.therapies.models import TherapyParty
from ledger.errors import NotFound, NotPermitted
from ledger.parties.actor import Actor

REGISTER = "device.register"
UPLOAD = "readings.upload"
COMMIT = "readings.commit"
READ = "therapy.read"
READ_ALL = "exception.read_all"


class LegNotFound(NotFound):
    """There is no such leg of such a therapy for this actor."""


def check_register(by: Actor) -> None:
    """Raise NotPermitted unless the actor may register devices for its organisation."""
    by.check(REGISTER)


def check_upload(by: Actor, therapy: UUID) -> None:
    """Raise unless the actor may bring readings to this therapy."""
    by.check(UPLOAD)
    _check_part(by, therapy)


def check_commit(by: Actor, therapy: UUID) -> None:
    """Raise unless the actor may commit this therapy's readings: who may upload them, may close them."""
    if not by.may(COMMIT) and not by.may(UPLOAD):
        raise NotPermitted(f"Your role ({by.role.replace('_', ' ')}) may not commit readings to the ledger.")
    _check_part(by, therapy)


def check_read(by: Actor, therapy: UUID) -> None:
    """Raise unless the actor may see this therapy's transport. A regulator sees every therapy's."""
    by.check(READ)
    if not by.may(READ_ALL):
        _check_part(by, therapy)


def _check_part(by: Actor, therapy: UUID) -> None:
    if not TherapyParty.objects.filter(therapy_id=therapy, party_id=by.party).exists():
        raise LegNotFound("There is no such therapy for your organisation.")
