"""What the ledger makes known to itself at start-up: the rules and projections of its own chains."""

from __future__ import annotations

from ledger import rules
from ledger.log import documents, member_logs, projections
from ledger.parties.access_reviews import PROJECTION as ACCESS
from ledger.parties.person_projection import PROJECTION as PEOPLE
from ledger.parties.projection import PROJECTION as PARTIES


def register() -> None:
    """Register everything, once; called when Django is ready."""
    rules.register()
    projections.register(PARTIES)
    projections.register(PEOPLE)
    projections.register(ACCESS)
    projections.register(documents.PROJECTION)
    projections.register(member_logs.PROJECTION)
