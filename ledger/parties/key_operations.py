"""A member's keys: add, rotate, revoke, issue anew; and the records of their backups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger import clock
from ledger.crypto import ed25519
from ledger.crypto.errors import VerificationError
from ledger.errors import BadInput, Conflict, NotFound, NotPermitted
from ledger.log.member_logs import next_log
from ledger.log.models import Chain, Record
from ledger.log.operations import append, lock_chain, operation
from ledger.parties import key_rules, signing
from ledger.parties.actor import Actor
from ledger.parties.keystore import keystore
from ledger.parties.models import Party, PartyKey
from ledger.parties.signing import PartySigner

PERMISSION = "keys.manage"


class PublicKeyRefused(BadInput):
    """The public key is not one that can be trusted."""


class KeyTaken(Conflict):
    """Some member has, or had, this key."""


class KeyUnknown(NotFound):
    """The organisation has no such key."""


class SinceNotNeeded(BadInput):
    """A day since when a key was in other hands goes with lost and compromised keys only."""


@operation
def add_key(*, by: Actor, at: datetime, key: str, public_key: str = "", possession: str = "") -> Record:
    """Add a spare Ed25519 key to the actor's own party; without `public_key` one is made in the keystore.

    A key from elsewhere (32 bytes in hexadecimal) comes with its signature over `statement_for`. Raises NotPermitted,
    PublicKeyRefused, KeyTaken, Refused.
    """
    by.check(PERMISSION)
    chain = lock_chain(kind="register", subject=by.party)
    if public_key:
        _check_usable(public_key)
        body: dict[str, Any] = {"public_key": public_key, "possession": possession}
    else:
        body = _new_key(chain, by)
    return _write(chain, key_rules.KEY_ADDED, body, "key added", by=by, at=at, key=key)


@operation
def rotate_key(*, by: Actor, at: datetime, key: str) -> Record:
    """Replace the key with which the actor's party signs by a fresh one, signed for by the old one and by the new one.

    Raises NotPermitted, KeyNotHeld, Refused.
    """
    by.check(PERMISSION)
    chain = lock_chain(kind="register", subject=by.party)
    signing.end_keys_of(by.party)
    signing.forget(by.party)
    old = signing.signer_for(by.party)
    body = {"replaces": old.public_key, **_new_key(chain, by)}
    return _write(chain, key_rules.KEY_ROTATED, body, "key rotated", by=by, at=at, key=key, signed_by=old)


@operation
def revoke_key(
    *,
    key_id: str,
    reason: str,
    by: Actor,
    at: datetime,
    key: str,
    party: UUID | None = None,
    compromised_at: datetime | None = None,
) -> Record:
    """End a key for a reason of `key_rules.REASONS`; `compromised_at` is since when others may have had it.

    The actor's own key, signed with another one that it has; or, for the consortium's operator, the last key of
    `party`. Raises NotPermitted, KeyUnknown, SinceNotNeeded, KeyNotHeld, Refused.
    """
    by.check(PERMISSION)
    whose = party or by.party
    row = PartyKey.objects.filter(party_id=whose, key_id=key_id).first()
    if row is None:
        raise KeyUnknown(f"This organisation has no key {key_id}.", field="key_id")
    if compromised_at is not None and reason not in key_rules.WITH_DATE:
        raise SinceNotNeeded(
            "Give the day since when others may have had the key only where it is lost or compromised.",
            field="compromised_at",
        )
    chain = lock_chain(kind="register", subject=whose)
    signing.end_keys_of(whose)
    signing.forget(whose)
    other = signing.another_signer(by.party, than=row.public_key) if whose == by.party else None
    body = {"public_key": row.public_key, "reason": reason}
    if compromised_at is not None:
        body["compromised_at"] = clock.stamp(compromised_at)
    return _write(chain, key_rules.KEY_REVOKED, body, "key revoked", by=by, at=at, key=key, signed_by=other)


@operation
def reissue_key(*, party: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Give a member that has no key left a fresh one, in this installation's keystore. For the operator.

    Raises NotPermitted, Refused.
    """
    by.check("party.enrol")
    if by.party_kind != "operator":
        raise NotPermitted("Only the consortium's operator gives a member a new key.")
    chain = lock_chain(kind="register", subject=party)
    signing.end_keys_of(party)
    signing.forget(party)
    return _write(chain, key_rules.KEY_REISSUED, _new_key(chain, by), "key issued anew", by=by, at=at, key=key)


@operation
def record_backup(
    *, public_key: str, set_id: str, threshold: int, custodians: Sequence[str], by: Actor, at: datetime, key: str
) -> Record:
    """Write down that a key lies in shares with custodians, named by commitments. Raises NotPermitted, Refused."""
    by.check(PERMISSION)
    body = {"public_key": public_key, "set": set_id, "threshold": threshold, "custodians": list(custodians)}
    chain = lock_chain(kind="register", subject=by.party)
    return _write(chain, key_rules.BACKED_UP, body, "key backed up", by=by, at=at, key=key)


@operation
def record_rehearsal(*, set_id: str, shares: int, by: Actor, at: datetime, key: str) -> Record:
    """Write down that so many shares gave the key again. Raises NotPermitted, Refused."""
    by.check(PERMISSION)
    body = {"set": set_id, "shares": shares}
    chain = lock_chain(kind="register", subject=by.party)
    return _write(chain, key_rules.REHEARSED, body, "recovery rehearsed", by=by, at=at, key=key)


def statement_for(*, party: UUID, public_key: str) -> bytes:
    """What a key from elsewhere has to sign to be added next: its place on the party's register as it now stands."""
    chain = Chain.objects.get(kind="register", subject=party)
    row = Party.objects.get(pk=party)
    return _statement(chain, public_key, log=next_log(code=row.code, kind=row.kind))


def _new_key(chain: Chain, by: Actor) -> dict[str, str]:
    signer = keystore().create(signing.name_of(chain.subject, chain.head_seq + 1))
    public_key = signer.public_key.hex()
    if PartyKey.objects.filter(public_key=public_key).exists():
        raise KeyTaken("The keystore gave a key that is in use already. Look at its folder before you try again.")
    log = next_log(code=by.party_code, kind=by.party_kind)
    return {"public_key": public_key, "possession": signer.sign(_statement(chain, public_key, log=log)).hex()}


def _statement(chain: Chain, public_key: str, *, log: str) -> bytes:
    return key_rules.possession_statement(
        log=log,
        chain=chain.id,
        seq=chain.head_seq + 1,
        prev_hash=chain.head_hash,
        public_key=public_key,
    )


def _check_usable(public_key: str) -> None:
    try:
        ed25519.check_public_key(bytes.fromhex(public_key))
    except (VerificationError, ValueError) as problem:
        raise PublicKeyRefused(f"This key cannot be used. {problem}", field="public_key") from problem
    if PartyKey.objects.filter(public_key=public_key).exists():
        raise KeyTaken("Some member has, or had, this key already. A key comes once.", field="public_key")


def _write(
    chain: Chain,
    type: str,
    body: Mapping[str, Any],
    meaning: str,
    *,
    by: Actor,
    at: datetime,
    key: str,
    signed_by: PartySigner | None = None,
) -> Record:
    record = append(
        chain=chain,
        by=by,
        type=type,
        body=body,
        meaning=meaning,
        occurred_at=at,
        at=at,
        key=key,
        signed_by=signed_by,
    )
    signing.forget(chain.subject)
    return record
