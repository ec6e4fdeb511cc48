"""A record held against itself: its envelope's form and signatures, its row's columns, its place, its printed names.

What the shared rules say to it is asked afterwards (`ledger.log.verification`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from ledger.crypto import canonical, commitments, dsse, merkle
from ledger.crypto.errors import VerificationError
from ledger.log import logs
from ledger.log.entries import Entry, Signature, entry_of
from ledger.log.finding import Finding
from ledger.log.held import RECORD, StoredRecord
from ledger.log.logs import Link
from ledger.log.models import Chain
from ledger.parties import acts, authorship

_SAME = {
    "seq": "seq",
    "prev_hash": "prev_hash",
    "type": "type",
    "idempotency_key": "key",
    "occurred_at": "occurred_at",
    "recorded_at": "recorded_at",
}
"""Columns of a record's row that repeat a member of its entry, and that member."""
_stored = itemgetter(*(RECORD.index(column) for column in _SAME))
_signed = attrgetter(*_SAME.values())
_OTHERS = ("chain", "chain kind", "subject", "log", "party", "person", "entry_hash", "leaf_hash")
"""Columns of the row, or of its chain's, that follow from it in another way."""


class Keys(Protocol):
    """Which keys count for a record at its place, and which log is a party's own."""

    def register_for(self, entry: Entry, index: int | None) -> Mapping[str, Any]: ...

    def hands_for(self, entry: Entry, index: int | None, signature: Signature) -> acts.HandKeys: ...

    def log_of(self, party: UUID) -> str: ...


class Opened(NamedTuple):
    """What a record's envelope holds: its entry, and the digests of both."""

    entry: Entry
    entry_hash: str
    leaf_hash: str


def opened(records: Iterable[StoredRecord], keys: Keys, *, at_once: int) -> Iterator[tuple[StoredRecord, Opened | str]]:
    """Each record with what it holds, once its signatures are known to be good; else with what is wrong.

    So many are read `at_once`, then their signatures are checked: in two short loops the processor has each one's code
    and tables at hand, which saves a fortieth.
    """
    rest = iter(records)
    while some := list(islice(rest, at_once)):
        read = [_read(record) for record in some]
        checked = [
            one if isinstance(one, str) else _checked(record, one, keys) for record, one in zip(some, read, strict=True)
        ]
        yield from zip(some, checked, strict=True)


def _read(record: StoredRecord) -> Opened | str:
    envelope = bytes(record.envelope)
    try:
        payload = dsse.payload_of(envelope)
        entry = entry_of(canonical.decode(payload))
    except VerificationError as problem:
        return str(problem)
    return Opened(entry, merkle.sha256_hex(payload), merkle.leaf_hash(envelope).hex())


def _checked(record: StoredRecord, read: Opened, keys: Keys) -> Opened | str:
    entry, index = read.entry, record.leaf__index
    try:
        authorship.verify(bytes(record.envelope), entry, keys.register_for(entry, index))
        acts.verify(entry, lambda signature: keys.hands_for(entry, index, signature))
    except VerificationError as problem:
        return str(problem)
    return read


def check_place(record: StoredRecord, read: Opened, chain: Chain, link: Link, keys: Keys, consortium: str) -> str:
    """What is wrong with the record's row and its place in chain and log; empty when nothing is."""
    entry = read.entry
    column = _differing(record, read, chain, logs.name_of(consortium, record.log))
    if column:
        return f"its column {column} is not what was signed"
    if entry.seq != link.seq + 1:
        return f"record {link.seq + 1} of the chain is missing: the next is {entry.seq}"
    if entry.prev_hash != link.head:
        return "it does not link to the record before it"
    try:
        logs.check_home(entry, consortium=consortium, own=keys.log_of(entry.party))
        logs.check_across(entry, record.leaf__index, link)
    except VerificationError as problem:
        return str(problem)
    return ""


def check_leaf_hashes(records: Iterable[StoredRecord]) -> Iterator[Finding]:
    """Of records that nobody replays: the log was held against these hashes, and they have to be the envelopes'."""
    for record in records:
        if merkle.leaf_hash(bytes(record.envelope)).hex() != record.leaf_hash:
            yield Finding("ledger_record", str(record.id), "its leaf hash is not that of its envelope")


def _differing(record: StoredRecord, read: Opened, chain: Chain, log: str) -> str:
    """The first column that does not repeat what was signed; empty when all do."""
    entry, entry_hash, leaf_hash = read
    if _signed(entry) != _stored(record):
        return next(name for name, a, b in zip(_SAME, _signed(entry), _stored(record), strict=True) if a != b)
    # Identifiers as numbers: two UUIDs take as long to compare as all the rest together.
    signer, party, person = entry.signer, record.party_id.int, record.person.int
    place = (entry.chain.int, entry.chain_kind, entry.subject.int, entry.log)
    others = (*place, signer.party.int, signer.person.int, entry_hash, leaf_hash)
    held = (chain.id.int, chain.kind, chain.subject.int, log, party, person, record.entry_hash, record.leaf_hash)
    if others != held:
        return next(name for name, a, b in zip(_OTHERS, others, held, strict=True) if a != b)
    return ""


def check_names(record: StoredRecord, entry: Entry) -> Iterator[Finding]:
    names, signatures = record.names, acts.signatures(entry)
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
