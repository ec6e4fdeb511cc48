"""`verify`: replay everything and compare it with every table, row by row.

Links, signatures, the contract, leaves, tiles, roots, checkpoints, printed names, and the projections. A finding names
the table and the row. Chain after chain, so that memory does not grow with the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Model

from ledger.crypto import canonical, checkpoint, commitments, dsse, merkle, notes
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log import contract as contracts
from ledger.log import projections, sequencer, triggers
from ledger.log.contract import PartyFacts, Refused, State
from ledger.log.entries import Entry, entry_of
from ledger.log.models import GENESIS, Chain, Checkpoint, Leaf, PendingRecord, Record, SignedName, Tile
from ledger.log.projections import Insert, Replace, Update
from ledger.parties.contract import own_key
from ledger.parties.keystore import keystore

CHAIN_ORDER = ("register", "document", "device")
"""Kinds of chain whose facts others refer to; they are replayed first."""

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not what the records say."""

    table: str
    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.problem}"


@dataclass(slots=True)
class ReplayedWorld:
    """Parties and documents, as the replayed chains say; no table is trusted."""

    parties: dict[UUID, PartyFacts] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    keys: dict[UUID, dict[str, bytes]] = field(default_factory=dict)

    def party(self, party: UUID) -> PartyFacts:
        if party not in self.parties:
            raise Refused(f"No member {party} is enrolled.")
        return self.parties[party]

    def document(self, digest: str) -> Mapping[str, Any]:
        if digest not in self.documents:
            raise Refused(f"No document with the digest {digest[:16]}… is on the ledger.")
        return self.documents[digest]

    def learn(self, changes: list[projections.Change]) -> None:
        """Take what later chains refer to from the rows that a record makes."""
        for change in changes:
            if isinstance(change, Replace):
                continue
            values = change.values
            if change.model == "ledger.Party" and isinstance(change, Insert):
                self.parties[change.key] = PartyFacts(change.key, values["code"], values["kind"], values["country"])
            elif change.model == "ledger.PartyKey" and isinstance(change, Insert):
                key = bytes.fromhex(values["public_key"])
                self.keys.setdefault(values["party_id"], {})[change.key] = key
            elif change.model == "ledger.Document" and isinstance(change, Insert):
                self.documents[change.key] = values["content"]


def findings(progress: Progress | None = None) -> Iterator[Finding]:
    """Everything that is wrong, the first bad row first; nothing when all holds."""
    tell = progress or (lambda what, count: None)
    for table in triggers.missing(connection, triggers.LEDGER_TABLES + triggers.DIVERGENCE_TABLES):
        yield Finding(table, "every row", "the trigger that refuses changes is gone")
    yield from check_log(tell)
    yield from check_chains(tell)


def check_log(tell: Progress) -> Iterator[Finding]:
    """Leaves, tiles and checkpoints against the records' envelopes (RFC 6962, C2SP)."""
    frontier = merkle.Frontier()
    stored: dict[tuple[int, int], bytearray] = {}
    by_size = {row.size: row for row in Checkpoint.objects.order_by("size").iterator(chunk_size=2000)}
    verifier = notes.parse_vkey(notes.vkey(settings.LOG_ORIGIN, keystore().create(sequencer.LOG_KEY).public_key))
    leaves = (
        Leaf.objects.select_related("record").order_by("index").only("index", "record__leaf_hash", "record__envelope")
    )
    # Closed at once also when a finding ends the loop: an open cursor would outlive its transaction.
    with closing(cast("Generator[Leaf]", leaves.iterator(chunk_size=1000))) as rows:
        for expected, leaf in enumerate(rows):
            if leaf.index != expected:
                yield Finding(
                    "ledger_leaf", str(leaf.index), f"the log goes on at {leaf.index}, but {expected} is missing"
                )
                return
            computed = merkle.leaf_hash(bytes(leaf.record.envelope))
            if computed.hex() != leaf.record.leaf_hash:
                yield Finding("ledger_record", str(leaf.record_id), "its leaf hash is not that of its envelope")
            for node in frontier.append(computed):
                if node.level % 8 == 0:
                    stored.setdefault((node.level // 8, node.index // 256), bytearray()).extend(node.hash)
            row = by_size.pop(frontier.size, None)
            if row is not None:
                yield from _check_checkpoint(row, frontier, verifier)
            tell("leaves", 1)
    for size in by_size:
        yield Finding("ledger_checkpoint", str(size), f"it speaks of {size} leaves; the log has {frontier.size}")
    for tile in Tile.objects.iterator(chunk_size=500):
        if bytes(stored.pop((tile.level, tile.index), b"")) != bytes(tile.hashes):
            yield Finding("ledger_tile", f"{tile.level}/{tile.index}", "its hashes are not those of the leaves")
    for level, index in stored:
        yield Finding("ledger_tile", f"{level}/{index}", "it is missing")
    yield from _check_placed()


def _check_checkpoint(row: Checkpoint, frontier: merkle.Frontier, verifier: notes.VerifierKey) -> Iterator[Finding]:
    try:
        signed = checkpoint.open_checkpoint(row.note, origin=settings.LOG_ORIGIN, log=verifier)
    except VerificationError as problem:
        yield Finding("ledger_checkpoint", str(row.size), str(problem))
        return
    said = signed.checkpoint
    if (said.size, said.root) != (frontier.size, frontier.root()) or row.root != frontier.root().hex():
        yield Finding("ledger_checkpoint", str(row.size), "its root is not that of the leaves")


def _check_placed() -> Iterator[Finding]:
    """Each record is a leaf or waits to be one, and never both."""
    for record in Record.objects.filter(leaf=None, pending=None).values_list("id", flat=True)[:20]:
        yield Finding("ledger_record", str(record), "it is neither in the log nor waiting for the sequencer")
    for pending in PendingRecord.objects.filter(record__leaf__isnull=False).values_list("id", flat=True)[:20]:
        yield Finding("ledger_pendingrecord", str(pending), "its record is already in the log")


def check_chains(tell: Progress) -> Iterator[Finding]:
    """Every chain replayed: links, signatures, contract, state and rows."""
    world = ReplayedWorld()
    kinds = list(CHAIN_ORDER) + sorted(set(Chain.objects.values_list("kind", flat=True).distinct()) - set(CHAIN_ORDER))
    for kind in kinds:
        chains = Chain.objects.filter(kind=kind).order_by("id")
        if kind in CHAIN_ORDER:
            first_records = Record.objects.filter(chain__kind=kind, seq=0).order_by("recorded_at", "id")
            order = list(first_records.values_list("chain_id", flat=True))
            chains_by_id = {chain.id: chain for chain in chains}
            ordered = [chains_by_id.pop(identifier) for identifier in order] + list(chains_by_id.values())
        else:
            ordered = chains.iterator(chunk_size=500)  # type: ignore[assignment]
        for chain in ordered:
            yield from check_chain(chain, world, tell)
    yield from _orphans()


def check_chain(chain: Chain, world: ReplayedWorld, tell: Progress) -> Generator[Finding, None, State]:
    """One chain, from its first record to its last, and the rows of its projections.

    Returns the state that its records give, up to the first one that does not hold.
    """
    try:
        state: State = contracts.contract_for(chain.kind).initial()
    except Refused as refusal:
        yield Finding("ledger_chain", str(chain.id), refusal.message)
        return {}
    prev, seq = GENESIS, -1
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    names: dict[UUID, list[SignedName]] = {}
    for name in SignedName.objects.filter(record__chain=chain).order_by("position"):
        names.setdefault(name.record_id, []).append(name)
    for record in chain.records.order_by("seq"):
        problem = _check_record(record, chain, seq=seq + 1, prev=prev, world=world)
        if isinstance(problem, str):
            yield Finding("ledger_record", str(record.id), problem)
            return state
        entry = problem
        yield from _check_names(record, entry, names.pop(record.id, []))
        try:
            state = contracts.contract_for(chain.kind).admit(state, entry, world)
        except Refusal as refusal:
            yield Finding("ledger_record", str(record.id), f"the contract refuses it: {refusal.message}")
            return state
        for projection in projections.projections_for(chain.kind):
            changes = list(projection.project(entry, record.id, state, world))
            _take(rows, changes)
            world.learn(changes)
        prev, seq = record.entry_hash, record.seq
        tell("records", 1)
    for stray in names.values():
        yield Finding("ledger_signedname", str(stray[0].pk), "it belongs to no record of its chain")
    if (chain.head_seq, chain.head_hash) != (seq, prev):
        yield Finding("ledger_chain", str(chain.id), f"its head is {chain.head_seq}, its last record {seq}")
    if chain.state != state:
        yield Finding("ledger_chain", str(chain.id), "its state is not what replaying its records gives")
    yield from _check_rows(chain, rows)
    return state


def _check_record(record: Record, chain: Chain, *, seq: int, prev: str, world: ReplayedWorld) -> Entry | str:
    """The record's entry, or what is wrong with it."""
    envelope = bytes(record.envelope)
    try:
        payload = dsse.payload_of(envelope)
        value = canonical.decode(payload)
        entry = entry_of(value)
        keys = world.keys.get(entry.party) or own_key(entry)
        dsse.verify(envelope, keys=keys)
    except VerificationError as problem:
        return str(problem)
    columns = {
        "chain": (entry.chain, chain.id),
        "chain kind": (entry.chain_kind, chain.kind),
        "subject": (entry.subject, chain.subject),
        "log": (entry.log, settings.LOG_ORIGIN),
        "seq": (entry.seq, record.seq),
        "prev_hash": (entry.prev_hash, record.prev_hash),
        "type": (entry.type, record.type),
        "party": (entry.party, record.party_id),
        "person": (entry.signer.person, record.person),
        "idempotency_key": (entry.key, record.idempotency_key),
        "occurred_at": (entry.occurred_at, record.occurred_at),
        "recorded_at": (entry.recorded_at, record.recorded_at),
        "entry_hash": (merkle.sha256_hex(payload), record.entry_hash),
        "leaf_hash": (merkle.leaf_hash(envelope).hex(), record.leaf_hash),
    }
    for name, (signed, stored) in columns.items():
        if signed != stored:
            return f"its column {name} is not what was signed"
    if entry.seq != seq:
        return f"record {seq} of the chain is missing: the next is {entry.seq}"
    if entry.prev_hash != prev:
        return "it does not link to the record before it"
    return entry


def _check_names(record: Record, entry: Entry, names: list[SignedName]) -> Iterator[Finding]:
    signatures = [entry.signer] + ([entry.second] if entry.second else [])
    if len(names) != len(signatures):
        yield Finding(
            "ledger_record", str(record.id), f"it has {len(signatures)} signatures and {len(names)} printed names"
        )
        return
    for name, signature in zip(names, signatures, strict=True):
        try:
            committed = commitments.commit(salt=bytes.fromhex(name.salt), path="signer.name", value=name.name)
        except ValueError:
            committed = ""
        if committed != signature.name_commitment or name.person != signature.person:
            yield Finding("ledger_signedname", str(name.pk), "the printed name is not the one that was signed")


def _take(rows: dict[tuple[str, Any], dict[str, Any]], changes: list[projections.Change]) -> None:
    for change in changes:
        if isinstance(change, Insert):
            rows[change.model, change.key] = dict(change.values)
        elif isinstance(change, Update):
            rows[change.model, change.key].update(change.values)
        else:
            replaced = [
                place
                for place, values in rows.items()
                if place[0] == change.model and all(values.get(name) == value for name, value in change.scope.items())
            ]
            for place in replaced:
                del rows[place]
            for row in change.rows:
                rows[row.model, row.key] = dict(row.values)


def _check_rows(chain: Chain, rows: dict[tuple[str, Any], dict[str, Any]]) -> Iterator[Finding]:
    """The rows that the records imply against those of the tables, both ways."""
    for projection in projections.projections_for(chain.kind):
        for label, column in projection.models.items():
            model = projections.model_of(label)
            table = model._meta.db_table
            expected = {key: values for (name, key), values in rows.items() if name == label}
            for row in model._default_manager.filter(**{column: chain.subject}):
                values = expected.pop(row.pk, None)
                if values is None:
                    yield Finding(table, str(row.pk), "no record makes this row")
                    continue
                yield from _differences(table, row, values)
            for key in expected:
                yield Finding(table, str(key), "a record makes this row, but it is missing")


def _differences(table: str, row: Model, values: Mapping[str, Any]) -> Iterator[Finding]:
    for name, value in values.items():
        stored = getattr(row, name)
        if stored != value:
            yield Finding(table, str(row.pk), f"{name} is {stored!r}, the records say {value!r}")


def _orphans() -> Iterator[Finding]:
    """Rows of a projection whose subject has no chain at all."""
    for projection in projections.all_projections():
        subjects = Chain.objects.filter(kind=projection.chain_kind).values("subject")
        for label, column in projection.models.items():
            model = projections.model_of(label)
            strays = model._default_manager.exclude(**{f"{column}__in": subjects}).values_list("pk", flat=True)
            for key in strays[:20]:
                yield Finding(model._meta.db_table, str(key), "no chain of records knows this row")
