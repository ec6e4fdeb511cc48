"""Reading the ledger: records' contents, their place in the log, and whether they verify."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.crypto import canonical, commitments, dsse, merkle
from ledger.crypto.errors import VerificationError
from ledger.log import tiles
from ledger.log.entries import Entry, entry_of
from ledger.log.models import Checkpoint, Leaf, Record, SignedName
from ledger.parties.models import PartyKey


@dataclass(frozen=True, slots=True)
class SignatureView:
    """An electronic signature as every display and printout of the record shows it (21 CFR 11.50)."""

    name: str
    person: UUID
    party: UUID
    role: str
    meaning: str
    method: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record with its signatures and its standing.

    `standing` is `verified` (signature, link and inclusion in the latest checkpoint hold), `signed` (not yet in a
    checkpoint) or `broken`; `problem` says what is broken. What nobody signed is not shown: the body is empty then.
    """

    id: UUID
    type: str
    seq: int
    party: UUID
    occurred_at: datetime
    recorded_at: datetime
    body: Mapping[str, Any]
    signatures: tuple[SignatureView, ...]
    entry_hash: str
    leaf_index: int | None
    standing: str
    problem: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A record's place and whether it verifies: `standing` and `problem` as in `RecordView`, links not checked."""

    record: UUID
    entry_hash: str
    leaf_index: int | None
    standing: str
    problem: str


def entry_in(record: Record) -> Entry:
    """The entry that the record's envelope holds, unverified."""
    return entry_of(canonical.decode(dsse.payload_of(bytes(record.envelope))))


def bodies_of(records: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """The bodies of these records, by id."""
    rows = Record.objects.filter(pk__in=records).only("id", "envelope")
    return {row.id: entry_in(row).body for row in rows}


def record_index(record: UUID) -> int | None:
    """A record's leaf index; None while it waits for the sequencer."""
    return Leaf.objects.filter(record_id=record).values_list("index", flat=True).first()


def chain_records(*, kind: str, subject: UUID, prove: bool = True) -> list[RecordView]:
    """Every record of a chain in order, each verified: five queries however many there are."""
    records = list(
        Record.objects.filter(chain__kind=kind, chain__subject=subject).select_related("leaf").order_by("seq")
    )
    names: dict[UUID, list[SignedName]] = {}
    for name in SignedName.objects.filter(record__in=[record.id for record in records]).order_by("position"):
        names.setdefault(name.record_id, []).append(name)
    parties = {record.party_id for record in records}
    keys: dict[UUID, dict[str, bytes]] = {}
    for key in PartyKey.objects.filter(party_id__in=parties):
        keys.setdefault(key.party_id, {})[key.key_id] = bytes.fromhex(key.public_key)
    checkpoint = tiles.latest_checkpoint()
    placed = [index for record in records if (index := _leaf_index(record)) is not None]
    node = tiles.reader_for(placed, checkpoint.size) if checkpoint else None
    views = []
    prev = None
    for record in records:
        index = _leaf_index(record)
        entry, problem = _verified(record, keys.get(record.party_id, {}), prev)
        if not problem and prove and index is not None and checkpoint and node and index < checkpoint.size:
            problem = _inclusion_problem(record, index, checkpoint, node)
        in_checkpoint = index is not None and checkpoint is not None and index < checkpoint.size
        views.append(
            RecordView(
                id=record.id,
                type=record.type,
                seq=record.seq,
                party=record.party_id,
                occurred_at=record.occurred_at,
                recorded_at=record.recorded_at,
                body=entry.body if entry else {},
                signatures=_signatures(entry, names.get(record.id, [])) if entry else (),
                entry_hash=record.entry_hash,
                leaf_index=index,
                standing="broken" if problem else "verified" if in_checkpoint else "signed",
                problem=problem,
            )
        )
        prev = record
    return views


def standings(records: Collection[UUID]) -> dict[UUID, Standing]:
    """The standing of these records, wherever they are: signature and inclusion. Four queries however many."""
    rows = list(Record.objects.filter(pk__in=records).select_related("leaf"))
    keys: dict[UUID, dict[str, bytes]] = {}
    for key in PartyKey.objects.filter(party_id__in={row.party_id for row in rows}):
        keys.setdefault(key.party_id, {})[key.key_id] = bytes.fromhex(key.public_key)
    checkpoint = tiles.latest_checkpoint()
    placed = [index for row in rows if (index := _leaf_index(row)) is not None]
    node = tiles.reader_for(placed, checkpoint.size) if checkpoint and placed else None
    found = {}
    for row in rows:
        index = _leaf_index(row)
        in_log = index is not None and checkpoint is not None and index < checkpoint.size
        problem = _signature_problem(row, keys.get(row.party_id, {}))
        if not problem and in_log and index is not None and checkpoint and node:
            problem = _inclusion_problem(row, index, checkpoint, node)
        standing = "broken" if problem else "verified" if in_log else "signed"
        found[row.id] = Standing(row.id, row.entry_hash, index, standing, problem)
    return found


def _leaf_index(record: Record) -> int | None:
    leaf = getattr(record, "leaf", None)
    return leaf.index if leaf is not None else None


def _verified(record: Record, keys: Mapping[str, bytes], prev: Record | None) -> tuple[Entry | None, str]:
    """What the record says, if that is what was signed, and what is wrong with it."""
    problem = _signature_problem(record, keys)
    if problem:
        return None, problem
    try:
        entry = entry_in(record)
    except VerificationError as unreadable:
        return None, str(unreadable)
    if record.seq != (prev.seq + 1 if prev else 0):
        return entry, "a record before it is missing"
    if prev is not None and entry.prev_hash != prev.entry_hash:
        return entry, "it does not link to the record before it"
    if (entry.seq, entry.type, entry.party) != (record.seq, record.type, record.party_id):
        return entry, "its row is not what was signed"
    return entry, ""


def _signature_problem(record: Record, keys: Mapping[str, bytes]) -> str:
    try:
        payload = dsse.verify(bytes(record.envelope), keys=keys).payload
    except VerificationError as problem:
        return str(problem)
    if merkle.sha256_hex(payload) != record.entry_hash:
        return "its hash is not that of what was signed"
    return ""


def _inclusion_problem(record: Record, index: int, checkpoint: Checkpoint, node: merkle.NodeReader) -> str:
    try:
        proof = merkle.inclusion_proof(index, checkpoint.size, node)
        merkle.verify_inclusion(
            leaf=merkle.leaf_hash(bytes(record.envelope)),
            index=index,
            size=checkpoint.size,
            proof=proof,
            root=bytes.fromhex(checkpoint.root),
        )
    except (VerificationError, ValueError) as problem:
        return f"it is not in the log: {problem}"
    return ""


def _signatures(entry: Entry, names: list[SignedName]) -> tuple[SignatureView, ...]:
    signatures = [entry.signer] + ([entry.second] if entry.second else [])
    views = []
    for signature, name in zip(signatures, names, strict=False):
        committed = commitments.commit(salt=bytes.fromhex(name.salt), path="signer.name", value=name.name)
        views.append(
            SignatureView(
                name=name.name if committed == signature.name_commitment else "name not verified",
                person=signature.person,
                party=signature.party,
                role=signature.role,
                meaning=signature.meaning,
                method=signature.method,
                at=entry.occurred_at,
            )
        )
    return tuple(views)
