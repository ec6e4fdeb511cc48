"""Whom to tell that a queue has work. A wake-up carries nothing: losing one costs a second, never a job."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)
Listener = Callable[[str], None]
_listeners: list[Listener] = []


def subscribe(listener: Listener) -> None:
    """Call `listener(queue)` in this process whenever a job for `queue` has been committed."""
    if listener not in _listeners:
        _listeners.append(listener)


def unsubscribe(listener: Listener) -> None:
    if listener in _listeners:
        _listeners.remove(listener)


def notify(queue: str) -> None:
    """Tell every listener. One that fails (a broker that is down) is logged; the sweeper finds the job anyway."""
    for listener in list(_listeners):
        try:
            listener(queue)
        except Exception as problem:
            log.warning("outbox.wake_up_failed", queue=queue, error=type(problem).__name__)
