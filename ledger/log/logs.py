"""Which log a record belongs in, how records of several logs hang together, and in which order they count. Pure.

A consortium has the operator's log, and with `NEEDLEPOINT_LOGS=member` one beside it for each member; ADR 11 says why.
The operator's log bears the consortium's name; a member's is called `<that name>/<the member's code, lower case>`. Here
and in the tables a log goes by the code alone, the operator's by the empty text.

Within one log the order is given. Across logs there is none, so nothing may hang on one:

- a chain goes from log to log by its hash links (`prev_log` and `prev`);
- members, documents and logs, once on the ledger, stay as they are; a record that refers to one waits for it;
- which keys count for a record is decided by its own log up to itself, and by another log as far as its author said to
  have seen it (`seen`). A key that the author gets later in another log counts as well: who uses a key has it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ledger.crypto.errors import VerificationError
from ledger.log.entries import GENESIS, Entry

OPERATORS = ""
"""What the tables call the operator's log."""


class Awaited(Exception):
    """A record cannot be judged yet: what it rests on stands in another log, which has not been read that far.

    No Refusal, so that no rule takes it for an answer. `log` is the name of the log that is behind, if it is known.
    """

    def __init__(self, what: str, *, log: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.log = log


def name_of(consortium: str, code: str) -> str:
    """A log's name (its origin, C2SP tlog-checkpoint), from the code under which the tables have it."""
    return f"{consortium}/{code}" if code else consortium


def code_of(consortium: str, name: str) -> str | None:
    """The reverse; None for a log of another consortium."""
    if name == consortium:
        return OPERATORS
    code = name.removeprefix(f"{consortium}/")
    return code if code != name and code and "/" not in code else None


@lru_cache(maxsize=1024)
def own_log(consortium: str, party_code: str, party_kind: str) -> str:
    """The name of the log that is a party's own: the operator's is the consortium's."""
    return consortium if party_kind == "operator" else name_of(consortium, party_code.lower())


def check_home(entry: Entry, *, consortium: str, own: str) -> None:
    """A record stands in its author's own log, or in the operator's. Raises VerificationError."""
    if entry.log not in (consortium, own):
        raise VerificationError(f"it was signed for the log {entry.log[:80]!r}, which is not its author's")
    if entry.log != consortium and consortium not in entry.seen:
        raise VerificationError("it does not say how much of the operator's log its author had seen")


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain, to which its next record links: where it stands, and what the chain had seen by then."""

    seq: int = -1
    head: str = GENESIS
    log: str = ""
    index: int | None = None
    seen: Mapping[str, int] = field(default_factory=dict)

    def after(self, entry: Entry, *, entry_hash: str, index: int | None) -> Link:
        """The end after a record that was admitted at this index of its log (None: it has none yet)."""
        if not entry.seen:
            return Link(entry.seq, entry_hash, entry.log, index, self.seen)
        names = {*self.seen, *entry.seen}
        seen = {name: max(self.seen.get(name, 0), entry.seen.get(name, 0)) for name in names}
        return Link(entry.seq, entry_hash, entry.log, index, seen)


BEGINNING = Link()
"""What the first record of a chain links to."""


def check_across(entry: Entry, index: int | None, before: Link) -> None:
    """That a record follows `before`, whose hash it carries, also where logs meet. Raises VerificationError.

    It has seen of each log what the record before it had seen: so nobody can go on writing to living chains as if a
    revocation had not been. `index` is the record's own; None while it has none.
    """
    if entry.prev_log != (before.log if before.log != entry.log else ""):
        raise VerificationError("it does not name the log of the record before it")
    if before.log == entry.log and index is not None and before.index is not None and index <= before.index:
        raise VerificationError("it stands before the record that it follows")
    for name, size in before.seen.items():
        if name == entry.log and index is not None and index < size:
            raise VerificationError(
                f"the record before it had seen {size} records of this log, and this one is {index}"
            )
        if entry.seen.get(name, size) < size:
            raise VerificationError(f"the record before it had seen more of the log {name[:80]!r}")


@dataclass(frozen=True, slots=True, order=True)
class RegisterAt:
    """What a party's register says from a record on: `seq` in the register, at `index` of `log`.

    `index` is None for a record that has no place yet.
    """

    seq: int
    log: str
    index: int | None = field(compare=False)
    state: Mapping[str, Any] = field(compare=False)


@dataclass(slots=True)
class RegisterHistory:
    """Every state of one party's register, in its order."""

    states: list[RegisterAt] = field(default_factory=list)

    def add(self, state: RegisterAt) -> None:
        insort(self.states, state)

    def at(self, *, log: str, index: int | None, seen: Mapping[str, int]) -> Mapping[str, Any]:
        """What counts for a record at `index` of `log` whose author has `seen` so much of others.

        `index` None is the end of the log. The enrolment, first in the register, counts wherever it stands.
        """
        known: Mapping[str, Any] = {}
        gained: list[str] = []
        for one in self.states:
            if one.seq == 0 or came_before(one, log, index, seen):
                known, gained = one.state, []
            elif one.log != log:
                gained += [key for key in one.state.get("keys", []) if key not in gained]
        if not gained:
            return known
        over = {past["key"] for past in known.get("past", [])} | set(known.get("keys", []))
        return {**known, "keys": [*known.get("keys", []), *(key for key in gained if key not in over)]}


def came_before(one: RegisterAt, log: str, index: int | None, seen: Mapping[str, int]) -> bool:
    """Whether a record at `index` of `log`, whose author has `seen` so much of others, comes after this state."""
    if one.log == log:
        return index is None or (one.index is not None and one.index < index)
    return one.index is not None and one.index < seen.get(one.log, 0)
