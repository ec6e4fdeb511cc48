"""The keys of a followed log: those of the settings, and the successors that the log itself announced under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.crypto import checkpoint as checkpoints
from ledger.crypto import notes
from ledger.crypto.checkpoint import Checkpoint
from ledger.crypto.errors import VerificationError
from ledger.ids import derived
from ledger.witness.store import Store


@dataclass(frozen=True, slots=True)
class LogKeys:
    """`known` have been the log's keys at some time; those in `stopped` sign nothing new."""

    known: Sequence[notes.Verifier]
    stopped: frozenset[bytes]
    verified: int

    def open(self, note: str) -> Checkpoint:
        """The checkpoint in a note that a key of the log signed which it has there. Raises VerificationError."""
        opened = notes.open_note(note, self.known)
        found = checkpoints.parse(opened.text)
        if found.size > self.verified and all(line.key_id in self.stopped for line in opened.signatures):
            raise VerificationError(
                "It is signed with a key that the log stopped using, as a record that it holds says: whoever has that "
                "key cannot speak for the log."
            )
        return found


def of(store: Store, origin: str, given: Sequence[notes.Verifier]) -> LogKeys:
    """The log's keys as far as it was replayed; what it announces counts only once the old key's log holds it."""
    register = store.chain(origin, str(derived("chain", "register", derived("operator", origin))))
    state = register.state if register else {}
    change, gone = state.get("log_key", {}), state.get("log_keys_past", [])
    learnt = [key for key in (*gone, change.get("key"), change.get("new")) if key]
    known = {(key.name, key.key_id): key for key in given}
    for key in learnt:
        verifier = notes.VerifierKey(origin, notes.TYPE_ED25519, bytes.fromhex(key))
        known.setdefault((origin, verifier.key_id), verifier)
    stopped = frozenset(notes.key_id(origin, notes.TYPE_ED25519, bytes.fromhex(key)) for key in gone)
    return LogKeys(list(known.values()), stopped, store.log(origin).verified)
