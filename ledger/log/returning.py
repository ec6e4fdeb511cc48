"""Bringing records back that a restored backup has lost: the same bytes, judged again, at the end of their chain.

For records of which a copy is kept outside the database because they have to be acted on again (erasures). Nothing is
signed here: a record that does not follow, or that its author did not sign, is not taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ledger.crypto import canonical, dsse, merkle
from ledger.crypto.errors import VerificationError
from ledger.log import contract as contracts
from ledger.log import logs, projections, record_rows, storing
from ledger.log.entries import Entry, entry_of
from ledger.log.models import Chain, Record, SignedName
from ledger.log.operations import open_chain
from ledger.log.record_rows import PrintedName
from ledger.log.world import world
from ledger.parties import authorship
from ledger.parties.history import KeyHistory
from ledger.parties.keystore import KeystoreError, keystore


@dataclass(frozen=True, slots=True)
class KeptName:
    """A printed name under a record, as `SignedName` has it."""

    position: int
    person: UUID
    name: str
    salt: str


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it is kept outside the database."""

    id: UUID
    envelope: bytes
    names: tuple[KeptName, ...]


def keep(record: Record) -> KeptRecord:
    """The record with its printed names, to be kept elsewhere."""
    names = SignedName.objects.filter(record=record).order_by("position")
    return KeptRecord(
        id=record.id,
        envelope=bytes(record.envelope),
        names=tuple(KeptName(one.position, one.person, one.name, one.salt) for one in names),
    )


def entry_in(kept: KeptRecord) -> Entry:
    """The entry, whose signature was checked. Raises VerificationError."""
    entry = entry_of(canonical.decode(dsse.payload_of(kept.envelope)))
    register = KeyHistory([entry.party]).newest(entry.party)
    # A key that came after the backup was made is not in the restored tables, but in the keystore.
    register = {**register, "keys": [*register.get("keys", []), *_held_keys(entry.party)], "status": "enrolled"}
    authorship.verify(kept.envelope, entry, register)
    return entry


@transaction.atomic
def bring_back(several: Sequence[KeptRecord]) -> int:
    """Add what is missing of these records, which are those of one chain in order; how many were.

    Raises VerificationError when one does not follow or was not signed by its author, Refused when the rules refuse it.
    """
    added = 0
    for kept in several:
        entry = entry_in(kept)
        chain = open_chain(kind=entry.chain_kind, subject=entry.subject)
        if entry.seq <= chain.head_seq:
            continue
        if entry.chain != chain.id or entry.seq != chain.head_seq + 1 or entry.prev_hash != chain.head_hash:
            raise VerificationError("the record does not follow the last one of its chain")
        _store(kept, entry, chain)
        added += 1
    return added


def _store(kept: KeptRecord, entry: Entry, chain: Chain) -> None:
    payload = dsse.payload_of(kept.envelope)
    state = contracts.contract_for(chain.kind).admit(chain.state, entry, world)
    code = logs.code_of(settings.LOG_ORIGIN, entry.log)
    if code is None:
        raise VerificationError("the record is of another consortium's log")
    record = Record(
        id=kept.id,
        chain=chain,
        seq=entry.seq,
        type=entry.type,
        prev_hash=entry.prev_hash,
        envelope=kept.envelope,
        entry_hash=merkle.sha256_hex(payload),
        leaf_hash=merkle.leaf_hash(kept.envelope).hex(),
        log=code,
        party_id=entry.party,
        person=entry.signer.person,
        idempotency_key=entry.key,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
    )
    names = [PrintedName(one.person, one.name, one.salt) for one in kept.names]
    changes = [
        change
        for projection in projections.projections_for(chain.kind)
        for change in projection.changes(entry, record.id, state, world)
    ]
    storing.write([*record_rows.written(record, names=names, state=state), *projections.statements(changes)])


def _held_keys(party: UUID) -> list[str]:
    """The public keys of the party's signing keys that the keystore holds."""
    held, prefix = [], f"party-{party}"
    for name in keystore().names():
        if name == prefix or name.startswith(f"{prefix}:"):
            try:
                held.append(keystore().signer(name).public_key.hex())
            except KeystoreError:
                continue
    return held


__all__ = ["KeptName", "KeptRecord", "bring_back", "entry_in", "keep"]
