"""The registry of handlers: which function does a kind of job, on which queue, under which lease.

A handler is `function(payload, run)`. It may run twice, so it asks the database what is still to do, or lets its
operations' idempotency keys say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from ledger.outbox.errors import UnknownJobKind


class JobRun(Protocol):
    """What a handler is given beside its payload."""

    @property
    def job_id(self) -> UUID: ...

    @property
    def attempt(self) -> int:
        """1 for the first run."""

    @property
    def at(self) -> datetime:
        """When this run began: the time to hand to operations, and the same for the whole run."""

    def report(self, percent: int, note: str = "") -> None:
        """Show progress and extend the lease. Raises JobCancelled or LeaseLost when the work should stop."""


Function = Callable[[Mapping[str, Any], JobRun], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """How one kind of job is done.

    `lease_seconds`: after so long without a heartbeat, another worker takes over. `max_seconds`: heartbeats end then,
    so that a handler which hangs is noticed. `max_attempts`: leases before the job is set aside. `atomic`: the handler
    and the mark "done" are one transaction (for short work in the database only).
    """

    kind: str
    function: Function
    queue: str
    lease_seconds: float
    max_attempts: int
    max_seconds: float
    atomic: bool


_handlers: dict[str, Handler] = {}


def handles(
    kind: str,
    *,
    queue: str = "default",
    lease_seconds: float = 30,
    max_attempts: int = 8,
    max_seconds: float = 3600,
    atomic: bool = False,
) -> Callable[[Function], Function]:
    """Register the decorated function for `kind`. Raises ValueError when another function has the kind already."""

    def register(function: Function) -> Function:
        known = _handlers.get(kind)
        if known and (known.function.__module__, known.function.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise ValueError(f"the job kind {kind!r} is handled by {known.function.__qualname__} already")
        _handlers[kind] = Handler(kind, function, queue, lease_seconds, max_attempts, max_seconds, atomic)
        return function

    return register


def handler_for(kind: str) -> Handler:
    """The handler of a kind. Raises UnknownJobKind."""
    try:
        return _handlers[kind]
    except KeyError:
        raise UnknownJobKind(f"no handler is registered for jobs of the kind {kind!r}") from None


def known_kinds() -> frozenset[str]:
    """The kinds that this process can do; a job of another kind waits for a process that can."""
    return frozenset(_handlers)


def known_queues() -> frozenset[str]:
    """The queues that the registered handlers use, and the default one."""
    return frozenset({"default", *(handler.queue for handler in _handlers.values())})


def unregister(kind: str) -> None:
    """Forget a handler; for tests."""
    _handlers.pop(kind, None)
