"""Replaying records in the order of the log: signature, place, link, and the shared rules, one record after another.

It is what `manage.py verify` does over tables, done over the log's entries alone: nothing that the portal says is
believed but what its members signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from ledger.crypto import canonical, dsse, merkle
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.ids import derived
from ledger.log.contract import contract_for
from ledger.log.entries import GENESIS, MAX_CLOCK_SKEW, Entry, entry_of
from ledger.parties.contract import own_key
from ledger.witness.breaches import Breach
from ledger.witness.store import ChainMemory, Store
from ledger.witness.world import StoredWorld


class Replay:
    """One log's records so far. Make a new one after an error: what it holds in memory may be ahead of the store."""

    def __init__(self, store: Store, origin: str) -> None:
        self._store = store
        self._origin = origin
        self._world = StoredWorld(store, origin)

    def take(self, first: int, entries: Sequence[bytes]) -> None:
        """Check the entries from leaf `first` on, and keep what they give; call it in a transaction of the store.

        Raises Breach at the first record that does not hold.
        """
        heads: dict[UUID, ChainMemory] = {}
        for index, data in enumerate(entries, start=first):
            self._one(index, data, heads)
        for chain, memory in heads.items():
            self._store.set_chain(self._origin, str(chain), memory)

    def _one(self, index: int, data: bytes, heads: dict[UUID, ChainMemory]) -> None:
        def breach(kind: str, problem: str) -> Breach:
            return Breach(kind, problem, origin=self._origin, index=index, evidence={f"entry-{index}": data})

        try:
            payload = dsse.payload_of(data)
            entry = entry_of(canonical.decode(payload))
        except VerificationError as problem:
            raise breach("broken_record", f"Record {index}: {problem}") from problem
        try:
            dsse.verify(data, keys=self._world.keys(entry.party) or own_key(entry))
        except VerificationError as problem:
            raise breach("unknown_key", f"Record {index}, by party {entry.party}: {problem}") from problem
        before = self._placed(index, entry, heads, breach)
        if not self._store.is_new_request(self._origin, str(entry.party), entry.key):
            raise breach("contract", f"Record {index} ({entry.type}) answers a request that was answered before.")
        try:
            contract = contract_for(entry.chain_kind)
            state = contract.admit(dict(before.state) if before else contract.initial(), entry, self._world)
        except Refusal as refusal:
            raise breach("contract", f"Record {index} ({entry.type}): {refusal.message}") from refusal
        except Exception as problem:
            # The rules are pure and total. A record that makes them stumble was not made by them.
            raise breach("contract", f"Record {index} ({entry.type}) makes the rules fail: {problem!r}") from problem
        heads[entry.chain] = ChainMemory(
            entry.chain_kind, str(entry.subject), entry.seq, merkle.sha256_hex(payload), state
        )
        self._world.learn(entry, state)

    def _placed(
        self, index: int, entry: Entry, heads: dict[UUID, ChainMemory], breach: Callable[[str, str], Breach]
    ) -> ChainMemory | None:
        """The head of the record's chain, to which it has to link; None when it begins one."""
        if entry.log != self._origin:
            raise breach("broken_link", f"Record {index} was signed for the log {entry.log[:80]!r}.")
        if entry.chain != derived("chain", entry.chain_kind, entry.subject):
            raise breach("broken_link", f"Record {index} names a chain that does not follow from what it is about.")
        before = heads.get(entry.chain) or self._store.chain(self._origin, str(entry.chain))
        seq, head = (before.seq + 1, before.head) if before else (0, GENESIS)
        if entry.seq != seq:
            raise breach("broken_link", f"Record {index} is number {entry.seq} of its chain; {seq} is the next.")
        if entry.prev_hash != head:
            raise breach("broken_link", f"Record {index} does not carry the hash of the record before it.")
        if entry.occurred_at - entry.recorded_at > MAX_CLOCK_SKEW:
            raise breach("contract", f"Record {index} ({entry.type}) was recorded before it happened.")
        return before
