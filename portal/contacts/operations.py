"""Setting the organisation's duty telephone number, and taking it off."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ledger.parties.actor import Actor
from ledger.parties.models import Party
from portal.audit.operations import write_down
from portal.contacts.models import DutyNumber
from portal.contacts.rules import read_number

DESK = "Duty desk"


@transaction.atomic
def set_duty_number(*, number: str, desk: str, by: Actor, at: datetime) -> DutyNumber | None:
    """Set the number of the actor's organisation; an empty one takes it off. Raises NotPermitted, BadNumber.

    What is set already is not set again, so that a form sent twice leaves one entry in the audit trail.
    """
    by.check("members.manage")
    party = Party.objects.select_for_update().get(pk=by.party)
    held = DutyNumber.objects.filter(party=party).first()
    before = _values(held)
    after = {"number": read_number(number), "desk": desk.strip() or DESK} if number.strip() else {}
    if after == before:
        return held
    write_down("contact.changed", subject=party.name, by=by, at=at, before=before, after=after)
    if not after:
        DutyNumber.objects.filter(party=party).delete()
        return None
    return DutyNumber.objects.update_or_create(party=party, defaults={**after, "set_at": at})[0]


def place_duty_number(*, party: Party, number: str, desk: str = DESK, at: datetime) -> None:
    """Set a number where there is none, without asking who wants it: for the demonstration."""
    given = {"number": read_number(number), "desk": desk, "set_at": at}
    DutyNumber.objects.get_or_create(party=party, defaults=given)


def _values(held: DutyNumber | None) -> dict[str, str]:
    return {"number": held.number, "desk": held.desk} if held else {}
