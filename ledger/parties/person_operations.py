"""Binding a signing key to a person, and ending it: records of the person's party, under the pseudonym alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger.errors import BadInput
from ledger.log.models import Record
from ledger.log.operations import append, lock_chain, open_chain, operation
from ledger.parties import acts, hands
from ledger.parties.actor import Actor

BINDING = "I sign with this key"


class NoHand(BadInput):
    """A key is bound by signing, and nothing was signed."""


@operation
def bind_key(*, public_key: str, by: Actor, at: datetime, key: str) -> Record:
    """Bind a key (`hand_keys`) to the actor, signed by the key itself or by one that the actor has already.

    Raises NoHand, Refused.
    """
    if by.hand is None:
        raise NoHand("Sign with the key that is to be yours.")
    hands.wait_for_writers(by.party, by.person)
    return append(
        chain=open_chain(kind=acts.KIND, subject=acts.subject_of(by.party, by.person)),
        by=by,
        type=acts.BOUND,
        body={"key": public_key},
        meaning=BINDING,
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def end_key(*, person: UUID, public_key: str, reason: str, by: Actor, at: datetime, key: str) -> Record:
    """End a person's key, for a reason of `person_rules.REASONS`: their own, or by who looks after the people.

    Raises NotPermitted, ChainMissing, Refused.
    """
    hands.check_may_end(by, by.party, person)
    hands.wait_for_writers(by.party, person)
    return append(
        chain=lock_chain(kind=acts.KIND, subject=acts.subject_of(by.party, person)),
        by=by,
        type=acts.REVOKED,
        body={"key": public_key, "reason": reason},
        meaning="signing key ended",
        occurred_at=at,
        at=at,
        key=key,
    )
