"""Processor time of an act, this process's and its PostgreSQL backend's: the machine's other work changes nothing."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from pathlib import Path

from django.db import connection


def server_seconds() -> Callable[[], float]:
    """How long the processor has worked for this connection's backend; nothing where it is on another machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        told = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    if not told.exists():
        print("\nPostgreSQL is on another machine: its own time is not counted")
        return lambda: 0.0
    return lambda: int(told.read_text().split()[0]) / 1e9


def processor(act: Callable[[], object], server: Callable[[], float] = lambda: 0.0) -> float:
    """Processor seconds of an act: of this process and of the backend."""

    def spent() -> float:
        own = resource.getrusage(resource.RUSAGE_SELF)
        return own.ru_utime + own.ru_stime + server()

    gc.collect()
    before = spent()
    act()
    return spent() - before
