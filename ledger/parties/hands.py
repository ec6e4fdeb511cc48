"""People's signing keys: binding and ending them, and holding one in force while a record is written with it.

Whoever binds or ends a key waits for those who are writing as that person: so the records that a key signed come
before its end, and those that no key signed before the first was bound.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from ledger.errors import Conflict, NotPermitted
from ledger.log import storing
from ledger.log.entries import Entry, Signature
from ledger.parties import acts
from ledger.parties.actor import Actor
from ledger.parties.models import PersonKey

_LOCK = 0x68616E64
_HELD = "SELECT 1 FROM ledger_personkey WHERE subject = %s AND key_id = %s AND ended_by_id IS NULL"
_NONE_HELD = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM ledger_personkey WHERE subject = %s AND ended_by_id IS NULL)"


class HandKeyEnded(Conflict):
    """The key with which a person signed was ended meanwhile."""


class HandWanted(Conflict):
    """The person has a signing key, and did not sign with it."""


def holding(entry: Entry) -> list[storing.Statement]:
    """Statements that hold what the people of an entry signed with until the transaction ends."""
    found: list[storing.Statement] = []
    for signature in acts.signatures(entry):
        if not signature.person.int or (signature.hand is None and not acts.is_signed(entry)):
            continue
        if connection.vendor == "postgresql":
            found.append(storing.Statement("SELECT pg_advisory_xact_lock_shared(%s, %s)", _place(signature)))
        if signature.hand is None:
            found.append(storing.Statement(_NONE_HELD, (_subject(signature),), demanded=True))
        elif not acts.binds_itself(entry):
            found.append(storing.Statement(_HELD, (_subject(signature), signature.hand.key_id), demanded=True))
    return found


def check_found(missing: storing.NotFound) -> None:
    """Raise the Refusal that belongs to a statement of `holding` which found nothing; nothing if it is another's."""
    if missing.args[0] == _NONE_HELD:
        raise HandWanted(
            "You, or the second person, have a signing key, so this is signed with it. Reload the page and sign again."
        ) from None
    if missing.args[0] == _HELD:
        raise HandKeyEnded("The signing key was ended while this was being signed. Sign with another one.") from None


def wait_for_writers(party: UUID, person: UUID) -> None:
    """Wait until nobody is writing as this person, and let nobody begin, until the transaction ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _place_of(party, person))


def keys_of(*, party: UUID, person: UUID) -> list[PersonKey]:
    """A person's keys in force at a party, the oldest first."""
    rows = PersonKey.objects.filter(subject=acts.subject_of(party, person), ended_by=None)
    return list(rows.order_by("valid_from_at", "id"))


def check_may_end(by: Actor, party: UUID, person: UUID) -> None:
    """Raise NotPermitted unless the key is the actor's own, or the actor looks after the organisation's people."""
    if by.party != party:
        raise NotPermitted("You end signing keys of your own organisation only.")
    if by.person != person:
        by.check("members.manage")


def _subject(signature: Signature) -> object:
    subject = acts.subject_of(signature.party, signature.person)
    return subject if connection.features.has_native_uuid_field else subject.hex


def _place(signature: Signature) -> tuple[int, int]:
    return _place_of(signature.party, signature.person)


def _place_of(party: UUID, person: UUID) -> tuple[int, int]:
    return _LOCK, int.from_bytes(acts.subject_of(party, person).bytes[-4:], signed=True)
