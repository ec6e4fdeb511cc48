"""Opening an emergency access, and ending it: by its person, by the officer, or when its time is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from custody.contract import emergency
from custody.emergency.models import EmergencyAccess
from custody.therapies.queries import find_therapy
from ledger.clock import stamp
from ledger.errors import Conflict, NotFound
from ledger.ids import derived
from ledger.log.models import Record
from ledger.log.operations import append, lock_chain, open_chain, operation
from ledger.outbox.operations import enqueue
from ledger.parties.actor import Actor, service_actor
from ledger.parties.models import Party

ALERT = "emergency.alert"
AT_ONCE = 100


class AccessUnknown(NotFound):
    """There is no such access of the actor or the actor's organisation."""


class OpenAlready(Conflict):
    """The person has an access to this therapy's patient already."""


class SecondFactorMissing(Conflict):
    """Nobody showed a factor anew for this very act."""


@operation
def break_the_glass(
    *, therapy: UUID, reason: str, minutes: int, shown_again: bool, by: Actor, at: datetime, key: str
) -> Record:
    """Let this person see who the patient is, for so many minutes; the centre's officer is told in the same breath.

    `shown_again` says that the person has shown password (and app, where there is one) for this very act. Raises
    NotPermitted, TherapyNotFound, SecondFactorMissing, OpenAlready, Refused.
    """
    row = find_therapy(therapy=therapy, by=by)
    by.check("glass.break")
    if not shown_again:
        raise SecondFactorMissing("Show your password for this, however lately you signed in.")
    standing = EmergencyAccess.objects.filter(therapy_id=therapy, person=by.person, ended_at=None, until__gt=at)
    if standing.exists():
        raise OpenAlready("You have access already. Open it; it ends by itself.")
    access = derived("emergency", by.person, key)
    record = append(
        chain=open_chain(kind=emergency.KIND, subject=access),
        by=by,
        type=emergency.OPENED,
        body={
            "therapy": str(therapy),
            "patient": str(row.patient_id),
            "holder": str(row.centre_id),
            "reason": reason,
            "until": stamp(at + timedelta(minutes=minutes)),
        },
        meaning="glass broken",
        occurred_at=at,
        at=at,
        key=key,
    )
    enqueue(kind=ALERT, payload={"access": str(access)}, at=at, key=f"{ALERT}:{access}", queue="notify")
    return record


@operation
def end_access(*, access: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Give one's own access back, or end somebody's as the centre's officer. Raises AccessUnknown, Refused."""
    row = EmergencyAccess.objects.filter(pk=access).first()
    own = row is not None and row.person == by.person and row.party_id == by.party
    officer = row is not None and row.holder_id == by.party and by.may("patient.share")
    if row is None or not (own or officer):
        raise AccessUnknown("There is no such access for you.")
    return _end(row, emergency.BY_PERSON if own else emergency.BY_OFFICER, by=by, at=at, key=key)


@operation
def note_end(*, access: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Record that an access's time is over. For the installation itself."""
    by.check("emergency.end")
    return _end(EmergencyAccess.objects.get(pk=access), emergency.BY_TIME, by=by, at=at, key=key)


def sweep(*, at: datetime) -> int:
    """Record the end of every access whose time is over; how many. It was closed already."""
    rows = EmergencyAccess.objects.filter(ended_at=None, until__lte=at).select_related("holder").order_by("until")
    done = 0
    for row in rows[:AT_ONCE]:
        note_end(access=row.pk, by=_ender(row.holder), at=at, key=f"over-{row.pk}")
        done += 1
    return done


def _ender(party: Party) -> Actor:
    return service_actor(
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        service=emergency.SYSTEM_ROLE,
        permissions=frozenset({"emergency.end"}),
    )


def _end(row: EmergencyAccess, how: str, *, by: Actor, at: datetime, key: str) -> Record:
    return append(
        chain=lock_chain(kind=emergency.KIND, subject=row.pk),
        by=by,
        type=emergency.ENDED,
        body={"how": how},
        meaning="emergency access ended",
        occurred_at=at,
        at=at,
        key=key,
    )
