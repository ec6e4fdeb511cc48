"""Background work of scheduling: sweeping holds that ran out. May run twice without harm."""

from __future__ import annotations

from datetime import datetime

from custody.scheduling import operations


def sweep(*, at: datetime) -> int:
    """Remove expired holds; gives how many."""
    return operations.sweep_holds(at=at)
