"""Backing a party's key up among custodians, and getting it back: each leaves a record on the register."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ledger.crypto import ed25519
from ledger.errors import BadInput, Conflict
from ledger.ids import uuid7
from ledger.parties import key_operations, shares, signing
from ledger.parties.actor import Actor
from ledger.parties.keystore import KeystoreError, keystore
from ledger.parties.models import KeyBackup, PartyKey
from ledger.parties.shares import Share


class BackupRefused(BadInput):
    """The key cannot be backed up like this."""


class ForeignShares(Conflict):
    """The shares are not of a key that this party has in force."""


def back_up(*, custodians: Sequence[tuple[str, str]], threshold: int, by: Actor, at: datetime) -> list[Share]:
    """A share of the key with which the actor's party signs for each custodian (name, passphrase), and its record.

    Write the shares to their files before anything else: they are nowhere else. Raises NotPermitted, BackupRefused.
    """
    by.check(key_operations.PERMISSION)
    chosen = signing.signer_for(by.party)
    try:
        seed = keystore().secret(chosen.name)
        made = shares.split(
            seed, party=by.party, party_code=by.party_code, custodians=custodians, threshold=threshold, at=at
        )
    except (ValueError, KeystoreError) as problem:
        raise BackupRefused(str(problem)) from problem
    key_operations.record_backup(
        public_key=chosen.public_key,
        set_id=made[0].set_id,
        threshold=threshold,
        custodians=[share.commitment for share in made],
        by=by,
        at=at,
        key=str(uuid7()),
    )
    return made


def recover(*, given: Sequence[tuple[Share, str]], by: Actor, at: datetime, rehearse: bool) -> str:
    """The key again, from shares with their passphrases; its key id. It has to be one that the register has in force.

    A rehearsal puts nothing in place and leaves a dated record. Raises NotPermitted, ForeignShares, BackupRefused, and
    VerificationError from the shares.
    """
    by.check(key_operations.PERMISSION)
    seed = shares.recover(given)
    public_key = ed25519.InMemorySigner(seed).public_key.hex()
    row = PartyKey.objects.filter(public_key=public_key, party_id=by.party).first()
    if row is None or row.ended_by_id is not None:
        state = "has never had this key" if row is None else f"has this key no more (it was {row.ended_how})"
        raise ForeignShares(f"The shares give a key, but the register says that {by.party_code} {state}.")
    if rehearse:
        set_id = given[0][0].set_id
        if not KeyBackup.objects.filter(pk=set_id, party_id=by.party).exists():
            raise ForeignShares("The register knows no backup with these shares.")
        key_operations.record_rehearsal(set_id=set_id, shares=len(given), by=by, at=at, key=str(uuid7()))
        return row.key_id
    try:
        keystore().restore(signing.name_of(by.party, row.seq), seed)
    except KeystoreError as problem:
        raise BackupRefused(str(problem)) from problem
    signing.forget(by.party)
    return row.key_id
