"""Following all logs of a consortium as one: the operator's, and those of members that it announces.

A turn asks every log for its newest checkpoint, checks what is new in all of them as far as each can be judged, and
co-signs. An honest sequencer places a record only after what it rests on; so whoever asks the other logs again, after
the one that waits, finds it there. What does not come although all logs were read again and again is a breach.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ledger.crypto import notes
from ledger.crypto.notes import VerifierKey
from ledger.witness.breaches import Breach
from ledger.witness.follow import Follower, Turn
from ledger.witness.source import Unreachable
from ledger.witness.store import Store

ROUNDS = 3
"""How often a turn asks all logs again when one of them waits for another."""

Outcome = Turn | Breach | Unreachable


class Consortium:
    """All logs of one consortium. Used by one thread. `make` gives the follower of a member's log."""

    def __init__(
        self,
        store: Store,
        operators: Follower,
        make: Callable[[str, VerifierKey], Follower],
        *,
        patience_seconds: float = 10.0,
    ) -> None:
        self._store = store
        self._operators = operators
        self._make = make
        self._patience_seconds = patience_seconds
        self._followers = {operators.origin: operators}
        self._waits: dict[str, tuple[int, float]] = {}

    def turn(self) -> dict[str, Outcome]:
        """One look at every log: what came of it, by the log's name."""
        outcomes: dict[str, Outcome] = {}
        for _ in range(ROUNDS):
            self._round(outcomes)
            if not any(one.awaits for one in self._sound(outcomes)):
                break
        self._be_patient(outcomes)
        return outcomes

    def close(self) -> None:
        for one in self._followers.values():
            one.close()

    def _round(self, outcomes: dict[str, Outcome]) -> None:
        looked: set[str] = set()
        moved = 1
        while moved:
            self._discover()
            fresh = [one for one in self._followers.values() if one.origin not in looked]
            looked.update(one.origin for one in fresh)
            for one in fresh:
                self._try(one, lambda one=one: one.look(), outcomes)  # type: ignore[misc]
            moved = sum(self._advanced(one, outcomes) for one in self._sound(outcomes))
        for one in list(self._sound(outcomes)):
            self._try(one, lambda one=one: outcomes.update({one.origin: one.finish()}), outcomes)  # type: ignore[misc]

    def _discover(self) -> None:
        """Begin to follow each log that the operator has announced by now."""
        for name, key in self._store.member_logs(self._operators.origin).items():
            if name not in self._followers:
                self._followers[name] = self._make(name, notes.parse_vkey(notes.vkey(name, bytes.fromhex(key))))

    def _advanced(self, one: Follower, outcomes: dict[str, Outcome]) -> int:
        return self._try(one, one.advance, outcomes) or 0

    def _try(self, one: Follower, act: Callable[[], int | None], outcomes: dict[str, Outcome]) -> int | None:
        """Do it for one log; what stops that log does not stop the others, unless they rest on it.

        A breach has to show twice, so that a byte that was lost on the way accuses nobody.
        """
        try:
            try:
                return act()
            except Breach as first:
                one.close()
                if one.is_blocked_by(first):
                    raise
                one.look()
                one.advance()
                return act()
        except Breach as breach:
            outcomes[one.origin] = breach
            for other in breach.others:
                self._followers[other.origin].block(other)
                outcomes[other.origin] = other
        except Unreachable as problem:
            outcomes[one.origin] = problem
        return None

    def _sound(self, outcomes: dict[str, Outcome]) -> Iterable[Follower]:
        """The logs of which nothing bad was found in this turn."""
        return [
            one for one in self._followers.values() if not isinstance(outcomes.get(one.origin), Breach | Unreachable)
        ]

    def _be_patient(self, outcomes: dict[str, Outcome]) -> None:
        """Accuse a log whose next record waits for what no log shows, although all of them could be read."""
        for one in self._sound(outcomes):
            if one.awaits is None:
                self._waits.pop(one.origin, None)
                continue
            if any(isinstance(outcome, Unreachable) for outcome in outcomes.values()):
                continue
            index, since = self._waits.get(one.origin, (-1, 0.0))
            if index != one.awaits.index:
                self._waits[one.origin] = (one.awaits.index, time.monotonic())
                index, since = self._waits[one.origin]
            if time.monotonic() - since >= self._patience_seconds:
                outcomes[one.origin] = one.lost()
