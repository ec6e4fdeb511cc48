"""`verify`: replay everything and compare it with every table, row by row.

Links, signatures, the contract, leaves, tiles, roots, checkpoints, printed names, and the projections. A finding names
the table and the row. Chain after chain, so that memory does not grow with the ledger.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain as chain_of
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, Model, OuterRef

from ledger.errors import Refusal
from ledger.log import contract as contracts
from ledger.log import cursors, held, logs, projections, shares, triggers
from ledger.log.contract import PartyFacts, Refused, State
from ledger.log.entries import Entry, Signature
from ledger.log.finding import Finding
from ledger.log.held import Held
from ledger.log.log_check import check_log
from ledger.log.logs import RegisterAt, RegisterHistory
from ledger.log.models import Chain, Record
from ledger.log.projections import Insert, Replace, Update
from ledger.log.record_check import check_leaf_hashes, check_names, check_place, opened
from ledger.log.shares import Job, Progress, Shares
from ledger.parties import acts

CHAIN_ORDER = ("register", "person", "document", "log", "device")
"""Kinds of chain whose facts others refer to; they are replayed first, and each record may say who signs the next."""
AT_ONCE = 30
"""Records of another chain whose signatures are checked in one go."""


@dataclass(slots=True)
class ReplayedWorld:
    """Parties and documents, as the replayed chains say; no table is trusted."""

    parties: dict[UUID, PartyFacts] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    registers: dict[UUID, RegisterHistory] = field(default_factory=dict)
    people: dict[UUID, acts.PersonHistory] = field(default_factory=dict)
    _logs: dict[UUID, str] = field(default_factory=dict)

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
        found = self._logs.get(party)
        if found is None:
            facts = self.parties.get(party)
            if facts is None:
                return settings.LOG_ORIGIN
            found = self._logs[party] = logs.own_log(settings.LOG_ORIGIN, facts.code, facts.kind)
        return found

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


@dataclass(frozen=True, slots=True)
class Given:
    """How many records a share of the work was given: together they have to be all that there are."""

    records: int


def findings(progress: Progress | None = None, *, processes: Shares | None = None) -> Iterator[Finding]:
    """Everything that is wrong, the first bad row first; nothing when all holds.

    The same with `processes` that share the work as without, and all of it at one moment of the database.
    """
    tell = progress or (lambda what, count: None)
    with shares.one_view():
        for table in triggers.missing(connection, triggers.every_table()):
            yield Finding(table, "every row", "the trigger that refuses changes is gone")
        if processes is None:
            answers: Iterator[Finding | Given] = chain_of(check_log(tell), _check_chains(tell))
        else:
            answers = processes.run(_jobs(tell), tell=tell)
        given = 0
        for answer in answers:
            if isinstance(answer, Given):
                given += answer.records
            else:
                yield answer
        yield from _not_given(given)


def _jobs(tell: Progress) -> Iterator[Job]:
    """The work in shares. While a process already has the first, this one replays what the others refer to."""
    yield Job(check_log)
    world = ReplayedWorld()
    yield Job(_found_before, (list(_check_first(world, tell)),))
    yield from _rest(world)


def _found_before(found: list[Finding | Given], tell: Progress) -> list[Finding | Given]:
    """What was found before the work was shared, in its place among the rest."""
    return found


def check_chains(tell: Progress) -> Iterator[Finding]:
    """Every chain replayed: links, signatures, contract, state and rows."""
    yield from (answer for answer in _check_chains(tell) if isinstance(answer, Finding))


def _check_chains(tell: Progress) -> Iterator[Finding | Given]:
    world = ReplayedWorld()
    yield from _check_first(world, tell)
    for job in _rest(world):
        yield from job.work(*job.arguments, tell)


def _check_first(world: ReplayedWorld, tell: Progress) -> Iterator[Finding | Given]:
    """The chains that others refer to, in the order in which they began; `world` learns what they say."""
    for kind in CHAIN_ORDER:
        first_records = Record.objects.filter(chain__kind=kind, seq=0).order_by("recorded_at", "id")
        order = list(first_records.values_list("chain_id", flat=True))
        chains = {chain.id: chain for chain in Chain.objects.filter(kind=kind).order_by("id")}
        for chain in [chains.pop(identifier) for identifier in order] + list(chains.values()):
            stored = Held([chain])
            yield from check_chain(chain, world, tell, stored)
            yield Given(stored.given)


def _rest(world: ReplayedWorld) -> Iterator[Job]:
    """All the other chains, in groups that can be checked apart, and what belongs to no chain."""
    for kind in sorted(set(Chain.objects.values_list("kind", flat=True).distinct()) - set(CHAIN_ORDER)):
        for first, last in held.groups(kind):
            yield Job(_check_group, (kind, first, last, world))
    yield Job(_orphans)
    yield Job(_without_chain)


def _not_given(given: int) -> Iterator[Finding]:
    """Records that no replay came upon, however they were hidden from it: their envelopes are checked all the same."""
    there = Record.objects.count()
    if given == there:
        return
    yield Finding("ledger_record", "every row", f"there are {there} records, and {given} were found with their chains")
    yield from check_leaf_hashes(held.every_record())


def _without_chain(tell: Progress) -> Iterator[Finding]:
    """Records whose chain is gone, which nobody would replay."""
    known = Chain.objects.filter(id=OuterRef("chain_id"))
    for record in Record.objects.filter(~Exists(known)).values_list("id", flat=True)[:20]:
        yield Finding("ledger_record", str(record), "its chain is gone")


def _check_group(kind: str, first: UUID, last: UUID, world: ReplayedWorld, tell: Progress) -> Iterator[Finding | Given]:
    chains = list(Chain.objects.filter(kind=kind, id__gte=first, id__lte=last).order_by("id"))
    rows = Held(chains)
    with cursors.row_by_row():
        for chain in chains:
            yield from check_chain(chain, world, tell, rows)
    yield Given(rows.given)


def check_chain(
    chain: Chain, world: ReplayedWorld, tell: Progress, among: Held | None = None
) -> Generator[Finding, None, State]:
    """One chain, from its first record to its last, and the rows of its projections; `among` others read with it.

    Returns the state that its records give, up to the first one that does not hold.
    """
    stored = among or Held([chain])
    try:
        state: State = contracts.contract_for(chain.kind).initial()
    except Refused as refusal:
        yield Finding("ledger_chain", str(chain.id), refusal.message)
        yield from check_leaf_hashes(stored.records(chain))
        return {}
    link = logs.BEGINNING
    rows: dict[tuple[str, Any], dict[str, Any]] = {}
    contract, projected = contracts.contract_for(chain.kind), projections.projections_for(chain.kind)
    origin = settings.LOG_ORIGIN
    records = opened(stored.records(chain), world, at_once=1 if chain.kind in CHAIN_ORDER else AT_ONCE)
    for record, read in records:
        problem = read if isinstance(read, str) else check_place(record, read, chain, link, world, origin)
        if isinstance(read, str) or problem:
            yield Finding("ledger_record", str(record.id), problem)
            yield from check_leaf_hashes(chain_of([record], (later for later, _ in records)))
            return state
        entry = read.entry
        yield from check_names(record, entry)
        try:
            state = contract.admit(state, entry, world)
        except Refusal as refusal:
            yield Finding("ledger_record", str(record.id), f"the contract refuses it: {refusal.message}")
            yield from check_leaf_hashes(later for later, _ in records)
            return state
        try:
            for projection in projected:
                changes = list(projection.project(entry, record.id, state, world))
                _take(rows, changes)
                world.learn(changes)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            yield Finding("ledger_record", str(record.id), f"no rows can be made of it: {problem!r}"[:200])
            yield from check_leaf_hashes(later for later, _ in records)
            return state
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
