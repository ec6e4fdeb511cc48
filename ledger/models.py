"""Every model of the ledger, for Django."""

from ledger.cosigning.models import Cosignature, LogToken, Witness
from ledger.divergence.models import (
    Divergence,
    DivergenceAcknowledgement,
    DivergenceReport,
    DivergenceResolution,
)
from ledger.log.models import (
    Chain,
    Checkpoint,
    Document,
    Leaf,
    PendingRecord,
    Record,
    RefusedAction,
    SignedName,
    Tile,
)
from ledger.outbox.models import OutboxJob
from ledger.parties.models import Party, PartyKey
from ledger.privacy.models import DataKey, KeyWrap, SealedPayload

__all__ = [
    "Chain",
    "Checkpoint",
    "Cosignature",
    "DataKey",
    "Divergence",
    "DivergenceAcknowledgement",
    "DivergenceReport",
    "DivergenceResolution",
    "Document",
    "KeyWrap",
    "Leaf",
    "LogToken",
    "OutboxJob",
    "Party",
    "PartyKey",
    "PendingRecord",
    "Record",
    "RefusedAction",
    "SealedPayload",
    "SignedName",
    "Tile",
    "Witness",
]
