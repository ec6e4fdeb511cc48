"""Reading the ledger: records' contents, their place in the log, and whether they verify."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from ledger import clock
from ledger.cosigning import queries as cosigning
from ledger.crypto import canonical, commitments, dsse, merkle
from ledger.crypto.errors import VerificationError
from ledger.log import tiles
from ledger.log.entries import Entry, entry_of
from ledger.log.logs import OPERATORS, name_of
from ledger.log.models import Checkpoint, Leaf, Record, SignedName
from ledger.parties import acts, authorship, key_rules
from ledger.parties.history import KeyHistory, PersonHistories
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
    key_id: str = ""
    """The person's own key that signed; empty where the party vouches for them by `method` alone."""


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record with its signatures and its standing.

    `standing` is `verified` (signature, link and inclusion in the latest checkpoint hold, and a quorum vouches for it
    where the policy asks for one), `stale` (the same, but the quorum has been silent for five minutes), `signed` (not
    yet in a checkpoint, or not yet co-signed) or `broken`; `problem` says what is broken. What nobody signed is not
    shown: the body is empty then.
    `doubtful_since` is since when the key that signed it may have been in other hands, if its owner said so.
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
    doubtful_since: datetime | None = None
    log: str = OPERATORS


@dataclass(frozen=True, slots=True)
class Standing:
    """A record's place and whether it verifies: `standing` and `problem` as in `RecordView`, links not checked."""

    record: UUID
    entry_hash: str
    leaf_index: int | None
    standing: str
    problem: str
    doubtful_since: datetime | None = None
    log: str = OPERATORS


def entry_in(record: Record) -> Entry:
    """The entry that the record's envelope holds, unverified."""
    return entry_of(canonical.decode(dsse.payload_of(bytes(record.envelope))))


def bodies_of(records: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """The bodies of these records, by id."""
    rows = Record.objects.filter(pk__in=records).only("id", "envelope")
    return {row.id: entry_in(row).body for row in rows}


def signers(records: Collection[UUID]) -> dict[UUID, str]:
    """The printed name of who signed each of these records first; one query."""
    return dict(SignedName.objects.filter(record__in=records, position=1).values_list("record_id", "name"))


def record_index(record: UUID) -> int | None:
    """A record's leaf index; None while it waits for the sequencer."""
    return Leaf.objects.filter(record_id=record).values_list("index", flat=True).first()


def chain_records(*, kind: str, subject: UUID, prove: bool = True) -> list[RecordView]:
    """Every record of a chain in order, each verified: six queries however many there are."""
    records = list(
        Record.objects.filter(chain__kind=kind, chain__subject=subject).select_related("leaf").order_by("seq")
    )
    names: dict[UUID, list[SignedName]] = {}
    for name in SignedName.objects.filter(record__in=[record.id for record in records]).order_by("position"):
        names.setdefault(name.record_id, []).append(name)
    keys = _Keys({record.party_id for record in records})
    trees = _trees(records)
    views = []
    prev = None
    for record in records:
        index = _leaf_index(record)
        entry, problem = _verified(record, keys, prev)
        tree = trees.get(record.log)
        in_checkpoint = tree is not None and index is not None and index < tree.checkpoint.size
        if not problem and prove and in_checkpoint and tree is not None and index is not None:
            problem = _inclusion_problem(record, index, tree)
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
                standing="broken" if problem else _standing(index, tree) if in_checkpoint else "signed",
                problem=problem,
                doubtful_since=doubt_of(record, keys.parties),
                log=record.log,
            )
        )
        prev = record
    return views


def standings(records: Collection[UUID]) -> dict[UUID, Standing]:
    """The standing of these records, wherever they are: signature and inclusion. Five queries however many."""
    rows = list(Record.objects.filter(pk__in=records).select_related("leaf"))
    keys = _Keys({row.party_id for row in rows})
    trees = _trees(rows)
    found = {}
    for row in rows:
        index = _leaf_index(row)
        tree = trees.get(row.log)
        in_log = tree is not None and index is not None and index < tree.checkpoint.size
        problem = _signature_problem(row, keys)
        if not problem and in_log and tree is not None and index is not None:
            problem = _inclusion_problem(row, index, tree)
        standing = "broken" if problem else _standing(index, tree) if in_log else "signed"
        found[row.id] = Standing(row.id, row.entry_hash, index, standing, problem, doubt_of(row, keys.parties), row.log)
    return found


class _Keys:
    """Keys of these parties and of their people, by place: two queries."""

    def __init__(self, parties: Collection[UUID]) -> None:
        self.parties = KeyHistory(parties)
        self.people = PersonHistories(parties)


@dataclass(frozen=True, slots=True)
class _Tree:
    """A log's latest tree, with the nodes that some of its records need, and how far a quorum vouches for it."""

    checkpoint: Checkpoint
    node: merkle.NodeReader
    vouched: cosigning.Vouched


def _trees(records: Collection[Record]) -> dict[str, _Tree]:
    """The trees in which these records stand, by log: two queries a log."""
    placed: dict[str, list[int]] = {}
    for record in records:
        index = _leaf_index(record)
        if index is not None:
            placed.setdefault(record.log, []).append(index)
    found = {}
    for log, indexes in placed.items():
        checkpoint = tiles.latest_checkpoint(log)
        if checkpoint:
            node = tiles.reader_for(indexes, checkpoint.size, log)
            found[log] = _Tree(checkpoint, node, cosigning.vouched(at=clock.now(), log=log))
    return found


def _standing(index: int | None, tree: _Tree | None) -> str:
    """Of a record that is in the log as it should be: whether anybody but the log says so, and lately."""
    if tree is None:
        return "signed"
    vouched = tree.vouched
    if vouched.size is None:
        return "verified"
    if index is None or index >= vouched.size:
        return "signed"
    return "verified" if vouched.fresh else "stale"


def _leaf_index(record: Record) -> int | None:
    leaf = getattr(record, "leaf", None)
    return leaf.index if leaf is not None else None


def _verified(record: Record, keys: _Keys, prev: Record | None) -> tuple[Entry | None, str]:
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
    signed_for = name_of(settings.LOG_ORIGIN, record.log)
    if (entry.seq, entry.type, entry.party, entry.log) != (record.seq, record.type, record.party_id, signed_for):
        return entry, "its row is not what was signed"
    return entry, ""


def _signature_problem(record: Record, keys: _Keys) -> str:
    envelope = bytes(record.envelope)
    try:
        payload = dsse.payload_of(envelope)
        entry = entry_of(canonical.decode(payload))
        index = _leaf_index(record)
        authorship.verify(envelope, entry, keys.parties.register_for(entry, index))
        acts.verify(entry, lambda signature: keys.people.keys_for(entry, index, signature))
    except VerificationError as problem:
        return str(problem)
    if merkle.sha256_hex(payload) != record.entry_hash:
        return "its hash is not that of what was signed"
    return ""


def doubt_of(record: Record, keys: KeyHistory) -> datetime | None:
    """Since when the key that signed this record may have been in other hands; None when nobody said so."""
    try:
        signed_with = dsse.keyids_of(bytes(record.envelope))
    except VerificationError:
        return None
    state = keys.newest(record.party_id)
    return next((since for one in signed_with if (since := key_rules.doubt(state, one, record.recorded_at))), None)


def count_doubtful() -> int:
    """How many records were signed while their key may have been in other hands, as its owner said."""
    count = 0
    for key in PartyKey.objects.exclude(doubtful_since=None):
        rows = Record.objects.filter(party_id=key.party_id, recorded_at__gte=key.doubtful_since)
        for envelope in rows.values_list("envelope", flat=True).iterator(chunk_size=500):
            count += key.key_id in dsse.keyids_of(bytes(envelope))
    return count


def _inclusion_problem(record: Record, index: int, tree: _Tree) -> str:
    checkpoint = tree.checkpoint
    try:
        proof = merkle.inclusion_proof(index, checkpoint.size, tree.node)
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
                key_id=signature.hand.key_id if signature.hand else "",
            )
        )
    return tuple(views)
