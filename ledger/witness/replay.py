"""Replaying records in the order of their log: signature, place, link, and the shared rules, one record after another.

It is what `manage.py verify` does over tables, done over the logs' entries alone: nothing that the portal says is
believed but what its members signed. Where members have logs of their own, a record that rests on one which has not
been read yet is waited for; no order in which the logs are read makes another judgement (ADR 11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from ledger.crypto import canonical, dsse, ed25519, merkle
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.ids import derived
from ledger.log import logs
from ledger.log.contract import contract_for
from ledger.log.entries import MAX_CLOCK_SKEW, Entry, entry_of
from ledger.log.logs import BEGINNING, Awaited, Link
from ledger.parties import acts, authorship, key_rules
from ledger.witness.breaches import Breach
from ledger.witness.store import ChainMemory, Store
from ledger.witness.world import SeenFrom, StoredWorld

Accuse = Callable[..., Breach]


class Waiting(Exception):
    """The record at `index` cannot be judged before more of another log is read."""

    def __init__(self, index: int, awaited: Awaited, evidence: bytes) -> None:
        super().__init__(awaited.what)
        self.index = index
        self.what = awaited.what
        self.log = awaited.log
        self.evidence = evidence


class Replay:
    """One log's records so far. Make a new one after an error: what it holds in memory may be ahead of the store."""

    def __init__(self, store: Store, origin: str, world: StoredWorld | None = None) -> None:
        self._store = store
        self._origin = origin
        self._world = world or StoredWorld(store, origin)
        self._consortium = self._world.consortium
        self._seen = SeenFrom(self._world, origin)

    def take(self, first: int, entries: Sequence[bytes]) -> None:
        """Check the entries from leaf `first` on, and keep what they give; call it in a transaction of the store.

        Raises Breach at the first record that does not hold, Waiting at the first that cannot be judged yet.
        """
        heads: dict[UUID, ChainMemory] = {}
        for index, data in enumerate(entries, start=first):
            try:
                self._one(index, data, heads)
            except Awaited as awaited:
                raise Waiting(index, awaited, data) from awaited
        for chain, memory in heads.items():
            self._store.set_chain(self._consortium, str(chain), memory)

    def _one(self, index: int, data: bytes, heads: dict[UUID, ChainMemory]) -> None:
        def breach(kind: str, problem: str, others: Sequence[Breach] = ()) -> Breach:
            return Breach(
                kind, problem, origin=self._origin, index=index, evidence={f"entry-{index}": data}, others=others
            )

        try:
            payload = dsse.payload_of(data)
            entry = entry_of(canonical.decode(payload))
        except VerificationError as problem:
            raise breach("broken_record", f"Record {index}: {problem}") from problem
        if entry.log != self._origin:
            raise breach("broken_link", f"Record {index} was signed for the log {entry.log[:80]!r}.")
        self._at_home(index, entry, breach)
        self._signed(index, entry, data, breach)
        self._by_hand(index, entry, breach)
        before = self._placed(index, entry, heads, breach)
        if not self._store.is_new_request(self._origin, str(entry.party), entry.key):
            raise breach("contract", f"Record {index} ({entry.type}) answers a request that was answered before.")
        try:
            contract = contract_for(entry.chain_kind)
            state = contract.admit(dict(before.state) if before else contract.initial(), entry, self._seen)
        except Awaited:
            raise
        except Refusal as refusal:
            raise breach("contract", f"Record {index} ({entry.type}): {refusal.message}") from refusal
        except Exception as problem:
            # The rules are pure and total. A record that makes them stumble was not made by them.
            raise breach("contract", f"Record {index} ({entry.type}) makes the rules fail: {problem!r}") from problem
        link = before.link if before else BEGINNING
        link = link.after(entry, entry_hash=merkle.sha256_hex(payload), index=index)
        heads[entry.chain] = ChainMemory(entry.chain_kind, str(entry.subject), link, state)
        self._world.learn(entry, index, state)

    def _at_home(self, index: int, entry: Entry, breach: Accuse) -> None:
        """The record stands in a log in which its author may write, and what it has seen was read."""
        own = self._world.own_log(entry.party)
        if own is None and self._origin != self._consortium:
            raise Awaited(f"member {entry.party} is not enrolled", log=self._consortium)
        try:
            logs.check_home(entry, consortium=self._consortium, own=own or self._consortium)
        except VerificationError as problem:
            raise breach("broken_link", f"Record {index}: {problem}.") from problem
        for name, size in entry.seen.items():
            if name not in (self._consortium, own):
                raise breach("broken_link", f"Record {index} speaks of the log {name[:80]!r}, which decides nothing.")
            if self._store.log(name).verified < size:
                raise Awaited(f"its author had seen {size} records of {name}", log=name)

    def _signed(self, index: int, entry: Entry, data: bytes, breach: Accuse) -> None:
        register = self._world.register_for(entry, index)
        try:
            authorship.verify(data, entry, register)
        except VerificationError as problem:
            own = self._world.own_log(entry.party) or self._consortium
            elsewhere = own if self._origin == self._consortium else self._consortium
            held = {*authorship.public_keys(register), *(past["key"] for past in key_rules.past(register))}
            known = {ed25519.keyid(bytes.fromhex(key)) for key in held}
            if elsewhere != self._origin and elsewhere in self._known_logs() and not known & {*dsse.keyids_of(data)}:
                raise Awaited(f"no key of party {entry.party} signed it", log=elsewhere) from problem
            raise breach("unknown_key", f"Record {index}, by party {entry.party}: {problem}") from problem

    def _by_hand(self, index: int, entry: Entry, breach: Accuse) -> None:
        """The people's own signatures hold, and none of those who have a key left theirs out."""
        try:
            acts.verify(entry, lambda signature: self._world.hands_for(entry, index, signature))
        except VerificationError as problem:
            own = self._world.own_log(entry.party) or self._consortium
            elsewhere = own if self._origin == self._consortium else self._consortium
            known = {
                key.key_id
                for signature in acts.signatures(entry)
                for key in self._world.hands_for(entry, index, signature).usable
            }
            named = {signature.hand.key_id for signature in acts.signatures(entry) if signature.hand}
            if elsewhere != self._origin and elsewhere in self._known_logs() and not named <= known:
                raise Awaited(f"no key of the person who signed it is known: {problem}", log=elsewhere) from problem
            raise breach("unknown_key", f"Record {index}, by party {entry.party}: {problem}") from problem

    def _known_logs(self) -> set[str]:
        return {self._consortium, *self._store.member_logs(self._consortium)}

    def _placed(self, index: int, entry: Entry, heads: dict[UUID, ChainMemory], breach: Accuse) -> ChainMemory | None:
        """The end of the record's chain, to which it has to link; None when it begins one."""
        if entry.chain != derived("chain", entry.chain_kind, entry.subject):
            raise breach("broken_link", f"Record {index} names a chain that does not follow from what it is about.")
        before = heads.get(entry.chain) or self._store.chain(self._consortium, str(entry.chain))
        link = before.link if before else BEGINNING
        if (entry.seq, entry.prev_hash) != (link.seq + 1, link.head):
            self._check_rival(index, entry, link, breach)
            if entry.prev_log:
                raise Awaited(f"it follows a record of {entry.prev_log[:80]} that is not there", log=entry.prev_log)
            raise breach("broken_link", self._unlinked(index, entry, link))
        try:
            logs.check_across(entry, index, link)
        except VerificationError as problem:
            raise breach("broken_link", f"Record {index}: {problem}.") from problem
        if entry.occurred_at - entry.recorded_at > MAX_CLOCK_SKEW:
            raise breach("contract", f"Record {index} ({entry.type}) was recorded before it happened.")
        return before

    def _unlinked(self, index: int, entry: Entry, link: Link) -> str:
        """What is wrong with a record that names no other log and does not follow: the same words in any order."""
        if len(self._known_logs()) > 1:
            return f"Record {index} follows no record of its log, and names no other log."
        if entry.seq != link.seq + 1:
            return f"Record {index} is number {entry.seq} of its chain; {link.seq + 1} is the next."
        return f"Record {index} does not carry the hash of the record before it."

    def _check_rival(self, index: int, entry: Entry, link: Link, breach: Accuse) -> None:
        """Two records that follow the same one, in two logs: both are named, whichever was read first."""
        if entry.seq > link.seq:
            return
        for other in sorted(self._known_logs() - {self._origin}):
            found = self._store.find_record(other, lambda data: _is_rival(data, entry))
            if found is not None:
                there, data = found
                places = sorted([(self._origin, index), (other, there)])
                said = " and ".join(f"record {place} of {name}" for name, place in places)
                problem = f"Two records are number {entry.seq} of one chain: {said}."
                memory = self._store.log(other)
                twin = Breach(
                    "broken_link", problem, origin=other, index=there, size=memory.seen_size,
                    evidence={f"entry-{there}": data, "shown.note": memory.seen_note.encode()},
                )  # fmt: skip
                raise breach("broken_link", problem, (twin,))


def _is_rival(data: bytes, entry: Entry) -> bool:
    """Whether this entry follows, and says to follow, the same record."""
    other = entry_of(canonical.decode(dsse.payload_of(data)))
    same = (other.chain, other.seq, other.prev_hash) == (entry.chain, entry.seq, entry.prev_hash)
    return same and (entry.seq == 0 or (other.prev_log or other.log) == (entry.prev_log or entry.log))
