"""The shared rules of the ledger's own chains, made known. Pure: whoever verifies runs them too."""

from __future__ import annotations

from ledger.log import contract
from ledger.log.document_rules import DocumentContract
from ledger.parties.contract import RegisterContract


def register() -> None:
    """Make the rules known, once."""
    contract.register(RegisterContract())
    contract.register(DocumentContract())
