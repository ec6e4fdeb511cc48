"""Writing to the ledger: one signed record at the end of one chain, with the rows that follow from it.

The order is always the same: lock, permission, contract, change, record. An operation is decorated with `operation`,
locks its chain and calls `append`; all of it is one transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ParamSpec
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction

from ledger.crypto import canonical, commitments, dsse, merkle, randomness
from ledger.errors import BadInput, Conflict, Refusal
from ledger.ids import derived, uuid7
from ledger.log import contract as contracts
from ledger.log import log_rules, logs, member_logs, projections, record_rows, storing
from ledger.log.entries import MAX_CLOCK_SKEW, Entry, HandProof, Signature
from ledger.log.models import Chain, Record, RefusedAction
from ledger.log.record_rows import PrintedName
from ledger.log.world import world
from ledger.parties import acts, hands, signing
from ledger.parties.actor import Actor
from ledger.parties.signing import PartySigner

P = ParamSpec("P")
KEY_CHANGES_MET = 4
"""How often an act is begun anew because its organisation's key was changed meanwhile: keys change seldom, and one may
be changed twice while a slow act is under way."""


class KeyUsedOtherwise(Conflict):
    """An idempotency key came back with another request."""


class ChainMissing(Refusal):
    status = 404


def find_prior(by: Actor, key: str) -> Record | None:
    """The record that this party already wrote under this idempotency key."""
    return Record.objects.filter(party_id=by.party, idempotency_key=key).first()


def operation(function: Callable[P, Record]) -> Callable[P, Record]:
    """Run a domain operation `(*, by, at, key, …) -> Record` in one transaction, at most once a key.

    A repeated request (same party, same operation, same key) gets the first one's record: the key is unique, so its
    attempt comes to nothing and is undone, and then the first one's record is looked for. A refusal undoes everything
    and leaves one audit entry.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Record:
        by: Actor = kwargs["by"]  # type: ignore[assignment]
        name = f"{function.__module__.removesuffix('.operations')}.{function.__name__}"
        key = str(kwargs["key"])
        if not 8 <= len(key) <= 90:
            raise BadInput("Send an idempotency key of 8 to 90 characters.", field="key")
        scoped = f"{function.__name__}:{key}"
        try:
            return _with_the_key_in_force(lambda: function(*args, **{**kwargs, "key": scoped}))  # type: ignore[arg-type]
        except (IntegrityError, Refusal) as problem:
            prior = find_prior(by, scoped)
            if prior is not None:
                _check_same_request(prior, kwargs)
                return prior
            if isinstance(problem, Refusal):
                record_refusal(by=by, operation=name, refusal=problem, subject=_subject_of(kwargs), at=kwargs["at"])  # type: ignore[arg-type]
            raise

    return run


def _with_the_key_in_force(attempt: Callable[[], Record]) -> Record:
    """Run an attempt in one transaction; again with the new key when the organisation changed it in between."""
    drawn = randomness.checkpoint()
    for left in reversed(range(KEY_CHANGES_MET + 1)):
        try:
            with transaction.atomic():
                return attempt()
        except signing.KeyEnded:
            if not left:
                raise
            randomness.rewind(drawn)
    raise AssertionError("the last attempt returns or raises")


def _check_same_request(prior: Record, arguments: Mapping[str, Any]) -> None:
    """Raise KeyUsedOtherwise when the key was used for another therapy: nothing of this request was done."""
    asked = arguments.get("therapy", arguments.get("therapy_id"))
    if isinstance(asked, UUID) and prior.chain.kind == "therapy" and prior.chain.subject != asked:
        raise KeyUsedOtherwise("This form was sent before, for another therapy. Reload the page and send it again.")


def _subject_of(arguments: Mapping[str, Any]) -> str:
    for name in ("therapy", "therapy_id", "patient", "handoff", "exception", "device"):
        value = arguments.get(name)
        if value is not None:
            return str(getattr(value, "pk", value))
    return ""


def record_refusal(*, by: Actor, operation: str, refusal: Refusal, subject: str, at: datetime) -> None:
    """Write the audit entry of a refused action."""
    RefusedAction.objects.create(
        person=by.person,
        party=by.party,
        role=by.role,
        operation=operation,
        code=refusal.code,
        reason=refusal.message[:500],
        subject=subject[:60],
        at=at,
    )


def open_chain(*, kind: str, subject: UUID) -> Chain:
    """The chain about `subject`, made when it is not there, locked for this transaction."""
    identifier = derived("chain", kind, subject)
    Chain.objects.bulk_create(
        [Chain(id=identifier, kind=kind, subject=subject, state=contracts.contract_for(kind).initial())],
        ignore_conflicts=True,
    )
    return storing.locked(Chain, identifier)


def lock_chain(*, kind: str, subject: UUID) -> Chain:
    """The chain about `subject`, locked until the transaction ends. Raises ChainMissing."""
    try:
        return storing.locked(Chain, derived("chain", kind, subject))
    except ObjectDoesNotExist:
        raise ChainMissing(f"There is no {kind} with the id {subject}.") from None


def append(
    *,
    chain: Chain,
    by: Actor,
    type: str,
    body: Mapping[str, Any],
    meaning: str,
    occurred_at: datetime,
    at: datetime,
    key: str,
    second: Actor | None = None,
    signed_by: PartySigner | None = None,
) -> Record:
    """Add one record to a locked chain: admit it, sign it, store it, and write the rows that follow from it.

    `occurred_at` is when it happened as the author says (at most five minutes in the future), `at` when it is
    recorded, `second` the person who verified, `signed_by` a key other than the one that the party signs with now.
    Raises Refused with the contract's reason, KeyEnded when the key was ended meanwhile; then nothing may stay written.
    """
    if occurred_at - at > MAX_CLOCK_SKEW:
        raise BadInput(
            "The time lies in the future. Write when it was; if it is right, check the clock of this device.",
            field="occurred_at",
        )
    home = member_logs.home_of(by) or _opened(by, at)
    first_salt, second_salt = commitments.fresh_salt(), commitments.fresh_salt()
    entry = Entry(
        log=home.name,
        chain=chain.id,
        chain_kind=chain.kind,
        subject=chain.subject,
        seq=chain.head_seq + 1,
        prev_hash=chain.head_hash,
        type=type,
        key=key,
        signer=_signature(by, meaning, first_salt),
        second=_signature(second, f"verified: {meaning}", second_salt) if second else None,
        occurred_at=occurred_at,
        recorded_at=at,
        body=body,
        prev_log=logs.name_of(settings.LOG_ORIGIN, chain.head_log) if _crosses(chain, home.code) else "",
        seen=member_logs.seen_from(home),
    )
    entry = _signed_by_hand(entry, by, second)
    payload = canonical.encode(entry.as_json())
    state = contracts.contract_for(chain.kind).admit(chain.state, entry, world)
    signed_by = signed_by or signing.signer_for(by.party)
    envelope = dsse.sign(payload, signers=[signed_by.signer])
    record = Record(
        id=uuid7(),
        chain=chain,
        seq=entry.seq,
        type=type,
        prev_hash=entry.prev_hash,
        envelope=envelope,
        entry_hash=merkle.sha256_hex(payload),
        leaf_hash=merkle.leaf_hash(envelope).hex(),
        log=home.code,
        party_id=by.party,
        person=by.person,
        idempotency_key=key,
        occurred_at=occurred_at,
        recorded_at=at,
    )
    printed = [(by, first_salt), (second, second_salt)] if second else [(by, first_salt)]
    names = [PrintedName(actor.person, actor.name, salt.hex()) for actor, salt in printed]
    changes = [
        change
        for projection in projections.projections_for(chain.kind)
        for change in projection.changes(entry, record.id, state, world)
    ]
    written = [
        *record_rows.written(record, names=names, state=state, hold=signing.holding(by.party, signed_by)),
        *hands.holding(entry),
        *projections.statements(changes),
    ]
    try:
        storing.write(written)
    except storing.NotFound as missing:
        hands.check_found(missing)
        signing.forget(by.party)
        raise signing.KeyEnded(
            "Your organisation's key was replaced while this was being signed. Send it again."
        ) from None
    record._state.adding = False
    chain.head_seq, chain.head_hash, chain.head_log, chain.state = entry.seq, record.entry_hash, home.code, state
    return record


def _crosses(chain: Chain, log: str) -> bool:
    """Whether the next record of the chain, in this log, follows one that stands in another."""
    return chain.head_seq >= 0 and chain.head_log != log


def _opened(by: Actor, at: datetime) -> member_logs.Home:
    """The log of a member that has none yet: the operator announces it with its key, in the same transaction."""
    chain = open_chain(kind=log_rules.KIND, subject=by.party)
    if chain.head_seq < 0:
        append(
            chain=chain,
            by=member_logs.announcer(),
            type=log_rules.OPENED,
            body=member_logs.announcement(by),
            meaning="a log of the member's own begins",
            occurred_at=at,
            at=at,
            key=f"open_log:{by.party}",
        )
    return member_logs.opened_home(by)


def _signed_by_hand(entry: Entry, by: Actor, second: Actor | None) -> Entry:
    """The entry with the signatures of those who sign with a key of their own. Each signs the same content."""
    proofs: list[HandProof | None] = []
    for position, actor in enumerate((by, second) if second else (by,), 1):
        if actor is None or actor.hand is None:
            proofs.append(None)
            continue
        nonce = randomness.token_bytes(16).hex()
        proofs.append(actor.hand.sign(acts.act_of(entry, position, nonce), nonce=nonce))
    return acts.with_hands(entry, proofs)


def _signature(actor: Actor, meaning: str, salt: bytes) -> Signature:
    return Signature(
        person=actor.person,
        party=actor.party,
        name_commitment=commitments.commit(salt=salt, path="signer.name", value=actor.name),
        role=actor.role,
        meaning=meaning,
        method=actor.method,
    )


__all__ = ["append", "find_prior", "lock_chain", "open_chain", "operation", "record_refusal"]
