"""The shared rules of the ledger's own chains, made known. Pure: whoever verifies runs them too."""

from __future__ import annotations

from ledger.ceremony.rules import CeremonyContract
from ledger.log import contract
from ledger.log.document_rules import DocumentContract
from ledger.log.log_rules import LogContract
from ledger.parties.access_rules import AccessContract
from ledger.parties.contract import RegisterContract
from ledger.parties.person_rules import PersonContract


def register() -> None:
    """Make the rules known, once."""
    contract.register(RegisterContract())
    contract.register(DocumentContract())
    contract.register(LogContract())
    contract.register(PersonContract())
    contract.register(AccessContract())
    contract.register(CeremonyContract())
