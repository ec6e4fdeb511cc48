"""An installation in which each member has its own log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from ledger.log import member_logs


@contextmanager
def one_log_a_member() -> Iterator[None]:
    """From here on records go to their authors' own logs; afterwards to the operator's again."""
    before, settings.LOGS = settings.LOGS, member_logs.MEMBER
    member_logs.forget()
    try:
        yield
    finally:
        settings.LOGS = before
        member_logs.forget()
