"""The keys with which the log signs its checkpoints: one, and for a stated period its successor beside it.

Which sign a checkpoint follows from its size alone: a successor from the checkpoint on that holds its announcement,
the old one up to the checkpoint that holds the record of its end. So whoever has a key of the log can tell for every
checkpoint whether that key has to stand under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F

from ledger import clock
from ledger.crypto import notes
from ledger.crypto.ed25519 import Signer
from ledger.errors import Conflict, NotPermitted
from ledger.log.models import Record
from ledger.log.operations import append, lock_chain, operation
from ledger.parties import key_rules, log_key_rules
from ledger.parties.actor import Actor
from ledger.parties.contract import operator_of
from ledger.parties.keystore import keystore
from ledger.parties.models import LogKeyChange

FIRST = "log"
"""Under which name the keystore has the key with which the log began."""
SHORTEST_OVERLAP = timedelta(days=1)


class OverlapTooShort(Conflict):
    """Those who follow the log need time to see the new key in it."""


class NothingToStop(Conflict):
    """The log's key is not being changed."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log. Indexes are those of the records: in force for sizes above `announced`, up to `stopped`."""

    name: str
    public_key: bytes
    announced: int | None = None
    stopped: int | None = None
    until_at: datetime | None = None

    @property
    def vkey(self) -> str:
        return notes.vkey(settings.LOG_ORIGIN, self.public_key)

    @property
    def verifier(self) -> notes.VerifierKey:
        return notes.VerifierKey(settings.LOG_ORIGIN, notes.TYPE_ED25519, self.public_key)

    def signs(self, size: int) -> bool:
        """Whether this key has to sign the checkpoint of this size."""
        return (self.announced is None or self.announced < size) and (self.stopped is None or self.stopped >= size)


def all_keys() -> list[LogKey]:
    """Every key that the log has or had and that its checkpoints show, the first one first. One query."""
    rows = list(
        LogKeyChange.objects.order_by("seq").annotate(
            announced=F("announced_by__leaf__index"), stopped=F("stopped_by__leaf__index")
        )
    )
    keys = [LogKey(FIRST, keystore().create(FIRST).public_key, stopped=rows[0].stopped if rows else None)]
    for place, row in enumerate(rows):
        if row.announced is not None:
            stopped = rows[place + 1].stopped if place + 1 < len(rows) else None
            try:
                public_key = bytes.fromhex(row.public_key)
            except ValueError:
                # Somebody edited the row: `verify` names it, and its signature is missed nowhere else.
                continue
            keys.append(LogKey(_name(row.seq), public_key, row.announced, stopped, row.until_at))
    return keys


def in_force(size: int, keys: Sequence[LogKey] | None = None) -> list[LogKey]:
    """The keys that sign the checkpoint of this size, the newest last."""
    return [key for key in (all_keys() if keys is None else keys) if key.signs(size)]


def signers(size: int) -> list[Signer]:
    """What signs the checkpoint of this size."""
    return [keystore().signer(key.name) for key in in_force(size)]


def change_under_way() -> LogKeyChange | None:
    """The change whose old key has not been stopped yet."""
    return LogKeyChange.objects.filter(stopped_by=None).first()


@operation
def announce_log_key(*, until: datetime, by: Actor, at: datetime, key: str) -> Record:
    """Give the log a successor to its key and say so in the log; both sign until `until` at least.

    Raises NotPermitted, OverlapTooShort, Refused.
    """
    _check_operator(by)
    if until - at < SHORTEST_OVERLAP:
        raise OverlapTooShort("Let both keys sign for a day at least: witnesses learn the new one from the log.")
    chain = lock_chain(kind="register", subject=by.party)
    latest = LogKeyChange.objects.order_by("seq").last()
    old = latest.public_key if latest is not None else keystore().create(FIRST).public_key.hex()
    signer = keystore().create(_name(chain.head_seq + 1))
    public_key = signer.public_key.hex()
    statement = key_rules.possession_statement(
        log=settings.LOG_ORIGIN, chain=chain.id, seq=chain.head_seq + 1, prev_hash=chain.head_hash,
        public_key=public_key,
    )  # fmt: skip
    body: dict[str, Any] = {
        "public_key": public_key,
        "replaces": old,
        "until": clock.stamp(until),
        "possession": signer.sign(statement).hex(),
    }
    return append(
        chain=chain, by=by, type=log_key_rules.ANNOUNCED, body=body, meaning="successor of the log's key announced",
        occurred_at=at, at=at, key=key,
    )  # fmt: skip


@operation
def stop_log_key(*, by: Actor, at: datetime, key: str) -> Record:
    """End the log's old key when the stated period is over. Raises NotPermitted, NothingToStop, Refused."""
    _check_operator(by)
    chain = lock_chain(kind="register", subject=by.party)
    change = change_under_way()
    if change is None:
        raise NothingToStop("The log's key is not being changed: no successor was announced.")
    return append(
        chain=chain, by=by, type=log_key_rules.STOPPED, body={"public_key": change.replaces},
        meaning="the log's old key stopped", occurred_at=at, at=at, key=key,
    )  # fmt: skip


def _check_operator(by: Actor) -> None:
    by.check("keys.manage")
    if by.party != operator_of(settings.LOG_ORIGIN):
        raise NotPermitted("Only the operator of this log changes its key.")


def _name(seq: int) -> str:
    return f"{FIRST}:{seq}"
