"""Whom to tell when the log has grown. Listeners get the first and last new position, after the commit."""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[int, int], None]
_listeners: list[Listener] = []


def subscribe(listener: Listener) -> None:
    """Call `listener(first, last)` whenever leaves were added in this process."""
    if listener not in _listeners:
        _listeners.append(listener)


def unsubscribe(listener: Listener) -> None:
    if listener in _listeners:
        _listeners.remove(listener)


def publish(first: int, last: int) -> None:
    """Tell every listener; called by the sequencer after its commit."""
    for listener in list(_listeners):
        listener(first, last)
