"""What the ledger makes known to itself at start-up: the rules and projections of its own chains."""

from __future__ import annotations

from ledger import rules
from ledger.log import documents, projections
from ledger.parties.projection import PROJECTION as PARTIES


def register() -> None:
    """Register everything, once; called when Django is ready."""
    rules.register()
    projections.register(PARTIES)
    projections.register(documents.PROJECTION)
