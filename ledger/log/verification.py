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
from django.db.models import F, Max, Model

from ledger.crypto import canonical, checkpoint, commitments, dsse, merkle, notes
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log import contract as contracts
from ledger.log import held, log_keys, logs, member_logs, projections, shares, triggers
from ledger.log.contract import PartyFacts, Refused, State
from ledger.log.entries import Entry, Signature, entry_of
from ledger.log.held import Held, StoredName, StoredRecord
from ledger.log.logs import Link, RegisterAt, RegisterHistory
from ledger.log.models import Chain, Checkpoint, Leaf, PendingRecord, Record, Tile
from ledger.log.projections import Insert, Replace, Update
from ledger.log.shares import Job, Progress, Shares
from ledger.log.tile_check import TileCheck
from ledger.parties import acts, authorship

CHAIN_ORDER = ("register", "person", "document", "log", "device")
"""Kinds of chain whose facts others refer to; they are replayed first."""

COLUMNS = (
    "chain",
    "chain kind",
    "subject",
    "log",
    "seq",
    "prev_hash",
    "type",
    "party",
    "person",
    "idempotency_key",
    "occurred_at",
    "recorded_at",
    "entry_hash",
    "leaf_hash",
)
"""Columns of a record's row, and of its chain's, that repeat what was signed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not what the records say."""

    table: str
    row: str
    problem: str
    column: str = ""
    """The column that differs, where it is one: what can be said to everybody, as its value cannot."""

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.problem}"


@dataclass(slots=True)
class ReplayedWorld:
    """Parties and documents, as the replayed chains say; no table is trusted."""

    parties: dict[UUID, PartyFacts] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    registers: dict[UUID, RegisterHistory] = field(default_factory=dict)
    people: dict[UUID, acts.PersonHistory] = field(default_factory=dict)

    def party(self, party: UUID) -> PartyFacts:
        if party not in self.parties:
            raise Refused(f"No member {party} is enrolled.")
        return self.parties[party]

    def document(self, digest: str) -> Mapping[str, Any]:
        if digest not in self.documents:
            raise Refused(f"No document with the digest {digest[:16]}… is on the ledger.")
        return self.documents[digest]

    def log_of(self, party: UUID) -> str:
        """The name of the log that is a party's own."""
        if party not in self.parties:
            return settings.LOG_ORIGIN
        facts = self.parties[party]
        return logs.own_log(settings.LOG_ORIGIN, facts.code, facts.kind)

    def register_for(self, entry: Entry, index: int | None) -> Mapping[str, Any]:
        """What its author's register says to a record at this index of its log (None: it has none yet)."""
        history = self.registers.get(entry.party)
        return history.at(log=entry.log, index=index, seen=entry.seen) if history else {}

    def hands_for(self, entry: Entry, index: int | None, signature: Signature) -> acts.HandKeys:
        """The signing keys of a person for a record at this index of its log."""
        history = self.people.get(acts.subject_of(signature.party, signature.person)) if self.people else None
        return history.at(entry, index) if history else acts.NONE

    def learn_register(self, entry: Entry, index: int | None, state: State) -> None:
        """Take what a record of a register, or of a person's keys, makes of it."""
        if entry.chain_kind == acts.KIND:
            person = self.people.setdefault(entry.subject, acts.PersonHistory())
            person.add(RegisterAt(entry.seq, entry.log, index, state))
        elif entry.chain_kind == "register":
            history = self.registers.setdefault(entry.subject, RegisterHistory())
            history.add(RegisterAt(entry.seq, entry.log, index, state))

    def learn(self, changes: list[projections.Change]) -> None:
        """Take what later chains refer to from the rows that a record makes."""
        for change in changes:
            if isinstance(change, Replace):
                continue
            values = change.values
            if change.model == "ledger.Party" and isinstance(change, Insert):
                self.parties[change.key] = PartyFacts(change.key, values["code"], values["kind"], values["country"])
            elif change.model == "ledger.Document" and isinstance(change, Insert):
                self.documents[change.key] = values["content"]


def findings(progress: Progress | None = None, *, processes: Shares | None = None) -> Iterator[Finding]:
    """Everything that is wrong, the first bad row first; nothing when all holds.

    The same with `processes` that share the work as without, and all of it at one moment of the database.
    """
    tell = progress or (lambda what, count: None)
    with shares.one_view():
        for table in triggers.missing(connection, triggers.every_table()):
            yield Finding(table, "every row", "the trigger that refuses changes is gone")
        if processes is None:
            yield from check_log(tell)
            yield from check_chains(tell)
        else:
            world = ReplayedWorld()
            first = list(_check_first(world, tell))
            jobs = [Job(check_log), Job(_found_before, (first,)), *_rest(world)]
            yield from processes.run(jobs, tell=tell)


def _found_before(found: list[Finding], tell: Progress) -> list[Finding]:
    """What was found before the work was shared, in its place among the rest."""
    return found


def check_log(tell: Progress) -> Iterator[Finding]:
    """Leaves, tiles and checkpoints of every log against the records' envelopes (RFC 6962, C2SP)."""
    known = member_logs.every_log()
    named: set[str] = set()
    for model in (Leaf, Checkpoint, Tile):
        named.update(model._default_manager.order_by().values_list("log", flat=True).distinct())
    for code in known:
        yield from _check_one_log(code, tell)
    for code in sorted(named):
        if code not in known:
            yield from _strays(code)
    yield from _check_placed()


def _strays(code: str) -> Iterator[Finding]:
    """Rows of a log that no record opened."""
    for model in (Leaf, Checkpoint, Tile):
        for row in model._default_manager.filter(log=code)[:20]:
            yield Finding(model._meta.db_table, str(row), f"no record opens a log {code!r}")


def _check_one_log(code: str, tell: Progress) -> Iterator[Finding]:
    frontier = merkle.Frontier()
    tiles = TileCheck(code)
    try:
        keys = _keys_of(code)
    except (ValueError, VerificationError) as problem:
        yield Finding("ledger_memberlog", code, f"its key is none: {problem}")
        return
    held_checkpoints = Checkpoint.objects.filter(log=code).order_by("size").iterator(chunk_size=500)
    checkpoints = cast("Generator[Checkpoint]", held_checkpoints)
    row = next(checkpoints, None)
    last = -1
    # Closed at once also when a finding ends the loop: an open cursor would outlive its transaction.
    with closing(checkpoints):
        for expected, (index, position, record, home, leaf_hash, envelope) in enumerate(held.leaves(code)):
            leaf = _named(code, str(index))
            if index != expected:
                yield Finding("ledger_leaf", leaf, f"the log goes on at {index}, but {expected} is missing")
                return
            if position <= last or home != code:
                yield Finding("ledger_leaf", leaf, "its place is not that of its record")
            last = position
            computed = merkle.leaf_hash(bytes(envelope))
            if computed.hex() != leaf_hash:
                yield Finding("ledger_record", str(record), "its leaf hash is not that of its envelope")
            for node in frontier.append(computed):
                tiles.take(node)
            while row is not None and row.size <= frontier.size:
                yield from _check_checkpoint(row, frontier, keys)
                row = next(checkpoints, None)
            tell("leaves", 1)
        while row is not None:
            yield Finding(
                "ledger_checkpoint", _row(row), f"it speaks of {row.size} leaves; the log has {frontier.size}"
            )
            row = next(checkpoints, None)
    for level, index, wrong in tiles.problems(frontier.size):
        yield Finding("ledger_tile", _named(code, f"{level}/{index}"), wrong)


def _row(row: Tile | Checkpoint) -> str:
    """What names a row of a log in a finding: its place, and the log where it is not the operator's."""
    return _named(row.log, str(row.size) if isinstance(row, Checkpoint) else f"{row.level}/{row.index}")


def _named(code: str, place: str) -> str:
    return f"{code} {place}" if code else place


def _keys_of(code: str) -> Callable[[int], list[notes.VerifierKey]]:
    """Which keys have to stand under a log's checkpoint of some size."""
    if code:
        members = [notes.parse_vkey(member_logs.verifier_key(code))]
        return lambda size: members
    keys = log_keys.all_keys()
    return lambda size: [key.verifier for key in log_keys.in_force(size, keys)]


def _check_checkpoint(
    row: Checkpoint, frontier: merkle.Frontier, keys: Callable[[int], list[notes.VerifierKey]]
) -> Iterator[Finding]:
    """Each key that is in force at this size has to stand under it, while the log's key is changed both."""
    try:
        for key in keys(row.size):
            signed = checkpoint.open_checkpoint(row.note, origin=key.name, log=key)
    except VerificationError as problem:
        yield Finding("ledger_checkpoint", _row(row), str(problem))
        return
    said = signed.checkpoint
    if (said.size, said.root) != (frontier.size, frontier.root()) or row.root != frontier.root().hex():
        yield Finding("ledger_checkpoint", _row(row), "its root is not that of the leaves")


def _check_placed() -> Iterator[Finding]:
    """Each record is a leaf or waits to be one, and never both."""
    for record in Record.objects.filter(leaf=None, pending=None).values_list("id", flat=True)[:20]:
        yield Finding("ledger_record", str(record), "it is neither in the log nor waiting for the sequencer")
    for pending in PendingRecord.objects.filter(record__leaf__isnull=False).values_list("id", flat=True)[:20]:
        yield Finding("ledger_pendingrecord", str(pending), "its record is already in the log")
    for pending in PendingRecord.objects.exclude(log=F("record__log")).values_list("id", flat=True)[:20]:
        yield Finding("ledger_pendingrecord", str(pending), "it waits for another log than its record was signed for")
    count, last = Leaf.objects.count(), Leaf.objects.aggregate(last=Max("position"))["last"]
    if last is not None and last + 1 != count:
        yield Finding("ledger_leaf", str(last), f"the positions go to {last}, but there are {count} leaves")


def check_chains(tell: Progress) -> Iterator[Finding]:
    """Every chain replayed: links, signatures, contract, state and rows."""
    world = ReplayedWorld()
    yield from _check_first(world, tell)
    for job in _rest(world):
        yield from job.work(*job.arguments, tell)


def _check_first(world: ReplayedWorld, tell: Progress) -> Iterator[Finding]:
    """The chains that others refer to, in the order in which they began; `world` learns what they say."""
    for kind in CHAIN_ORDER:
        first_records = Record.objects.filter(chain__kind=kind, seq=0).order_by("recorded_at", "id")
        order = list(first_records.values_list("chain_id", flat=True))
        chains = {chain.id: chain for chain in Chain.objects.filter(kind=kind).order_by("id")}
        for chain in [chains.pop(identifier) for identifier in order] + list(chains.values()):
            yield from check_chain(chain, world, tell)


def _rest(world: ReplayedWorld) -> Iterator[Job]:
    """All the other chains, in groups that can be checked apart, and what belongs to no chain."""
    for kind in sorted(set(Chain.objects.values_list("kind", flat=True).distinct()) - set(CHAIN_ORDER)):
        for first, last in held.groups(kind):
            yield Job(_check_group, (kind, first, last, world))
    yield Job(_orphans)


def _check_group(kind: str, first: UUID, last: UUID, world: ReplayedWorld, tell: Progress) -> Iterator[Finding]:
    chains = list(Chain.objects.filter(kind=kind, id__gte=first, id__lte=last).order_by("id"))
    rows = Held(chains)
    for chain in chains:
        yield from check_chain(chain, world, tell, rows)


def check_chain(
    chain: Chain, world: ReplayedWorld, tell: Progress, among: Held | None = None
) -> Generator[Finding, None, State]:
    """One chain, from its first record to its last, and the rows of its projections; `among` others read with it.

    Returns the state that its records give, up to the first one that does not hold.
    """
    try:
        state: State = contracts.contract_for(chain.kind).initial()
    except Refused as refusal:
        yield Finding("ledger_chain", str(chain.id), refusal.message)
        return {}
    link = logs.BEGINNING
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    stored = among or Held([chain])
    names = stored.names()
    contract, projected = contracts.contract_for(chain.kind), projections.projections_for(chain.kind)
    for record in stored.records(chain):
        problem = _check_record(record, chain, link, world, settings.LOG_ORIGIN)
        if isinstance(problem, str):
            yield Finding("ledger_record", str(record.id), problem)
            return state
        entry = problem
        yield from _check_names(record, entry, names.pop(record.id, []))
        try:
            state = contract.admit(state, entry, world)
        except Refusal as refusal:
            yield Finding("ledger_record", str(record.id), f"the contract refuses it: {refusal.message}")
            return state
        for projection in projected:
            changes = list(projection.project(entry, record.id, state, world))
            _take(rows, changes)
            world.learn(changes)
        world.learn_register(entry, record.leaf__index, state)
        link = link.after(entry, entry_hash=record.entry_hash, index=record.leaf__index)
        tell("records", 1)
    head = (chain.head_seq, chain.head_hash, logs.name_of(settings.LOG_ORIGIN, chain.head_log))
    if head != (link.seq, link.head, link.log or settings.LOG_ORIGIN):
        yield Finding("ledger_chain", str(chain.id), f"its head is {chain.head_seq}, its last record {link.seq}")
    if chain.state != state:
        yield Finding("ledger_chain", str(chain.id), "its state is not what replaying its records gives")
    if link.seq >= 0:
        for projection in projected:
            if projection.standing is not None:
                _take(rows, list(projection.standing(chain.subject, state, world)))
    yield from _check_rows(chain, rows, stored)
    return state


def _check_record(record: StoredRecord, chain: Chain, link: Link, world: ReplayedWorld, consortium: str) -> Entry | str:
    """The record's entry, or what is wrong with it."""
    envelope = bytes(record.envelope)
    try:
        payload = dsse.payload_of(envelope)
        entry = entry_of(canonical.decode(payload))
        authorship.verify(envelope, entry, world.register_for(entry, record.leaf__index))
        acts.verify(entry, lambda signature: world.hands_for(entry, record.leaf__index, signature))
    except VerificationError as problem:
        return str(problem)
    entry_hash, leaf_hash = merkle.sha256_hex(payload), merkle.leaf_hash(envelope).hex()
    signed = _columns_signed(entry, entry_hash, leaf_hash)
    stored = _columns_stored(record, chain, logs.name_of(consortium, record.log))
    if signed != stored:
        name = next(name for name, a, b in zip(COLUMNS, signed, stored, strict=True) if a != b)
        return f"its column {name} is not what was signed"
    if entry.seq != link.seq + 1:
        return f"record {link.seq + 1} of the chain is missing: the next is {entry.seq}"
    if entry.prev_hash != link.head:
        return "it does not link to the record before it"
    try:
        logs.check_home(entry, consortium=consortium, own=world.log_of(entry.party))
        logs.check_across(entry, record.leaf__index, link)
    except VerificationError as problem:
        return str(problem)
    return entry


# Identifiers as numbers: two UUIDs take as long to compare as all the rest together.


def _columns_signed(entry: Entry, entry_hash: str, leaf_hash: str) -> tuple[Any, ...]:
    """What was signed of `COLUMNS`."""
    return (
        entry.chain.int,
        entry.chain_kind,
        entry.subject.int,
        entry.log,
        entry.seq,
        entry.prev_hash,
        entry.type,
        entry.party.int,
        entry.signer.person.int,
        entry.key,
        entry.occurred_at,
        entry.recorded_at,
        entry_hash,
        leaf_hash,
    )


def _columns_stored(record: StoredRecord, chain: Chain, log: str) -> tuple[Any, ...]:
    """What the tables have of `COLUMNS`."""
    return (
        chain.id.int,
        chain.kind,
        chain.subject.int,
        log,
        record.seq,
        record.prev_hash,
        record.type,
        record.party_id.int,
        record.person.int,
        record.idempotency_key,
        record.occurred_at,
        record.recorded_at,
        record.entry_hash,
        record.leaf_hash,
    )


def _check_names(record: StoredRecord, entry: Entry, names: list[StoredName]) -> Iterator[Finding]:
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


def _check_rows(chain: Chain, rows: dict[tuple[str, Any], dict[str, Any]], stored: Held) -> Iterator[Finding]:
    """The rows that the records imply against those of the tables, both ways."""
    for projection in projections.projections_for(chain.kind):
        for label, column in projection.models.items():
            model = projections.model_of(label)
            table = model._meta.db_table
            expected = {key: values for (name, key), values in rows.items() if name == label}
            for row in stored.rows(model, column, chain):
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
            yield Finding(table, str(row.pk), f"{name} is {stored!r}, the records say {value!r}", name)


def _orphans(tell: Progress) -> Iterator[Finding]:
    """Rows of a projection whose subject has no chain at all."""
    for projection in projections.all_projections():
        subjects = Chain.objects.filter(kind=projection.chain_kind).values("subject")
        for label, column in projection.models.items():
            model = projections.model_of(label)
            strays = model._default_manager.exclude(**{f"{column}__in": subjects}).values_list("pk", flat=True)
            for key in strays[:20]:
                yield Finding(model._meta.db_table, str(key), "no chain of records knows this row")
