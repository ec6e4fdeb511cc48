"""What the ledger makes known to itself at start-up: the contracts and projections of its own chains."""

from __future__ import annotations

from ledger.log import contract, documents, projections
from ledger.parties.contract import RegisterContract
from ledger.parties.projection import PROJECTION as PARTIES


def register() -> None:
    """Register everything, once; called when Django is ready."""
    contract.register(RegisterContract())
    contract.register(documents.DocumentContract())
    projections.register(PARTIES)
    projections.register(documents.PROJECTION)
