"""Every model of the ledger, for Django."""

from ledger.anchors.models import Anchor, AnchorCursor, ProofSending, ProvenOnChain
from ledger.cosigning.models import Cosignature, LogToken, Witness
from ledger.divergence.models import (
    AuditRound,
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
    MemberLog,
    PendingRecord,
    Record,
    RefusedAction,
    SignedName,
    Tile,
)
from ledger.outbox.models import OutboxJob
from ledger.parties.models import AccessReview, KeyBackup, LogKeyChange, Party, PartyKey, PersonKey
from ledger.privacy.models import DataKey, InstallationKey, KeyRotation, KeyWrap, RecipientKey, SealedPayload

__all__ = [
    "AccessReview",
    "Anchor",
    "AnchorCursor",
    "AuditRound",
    "Chain",
    "Checkpoint",
    "Cosignature",
    "DataKey",
    "Divergence",
    "DivergenceAcknowledgement",
    "DivergenceReport",
    "DivergenceResolution",
    "Document",
    "InstallationKey",
    "KeyBackup",
    "KeyRotation",
    "KeyWrap",
    "Leaf",
    "LogKeyChange",
    "LogToken",
    "MemberLog",
    "OutboxJob",
    "Party",
    "PartyKey",
    "PendingRecord",
    "PersonKey",
    "ProofSending",
    "ProvenOnChain",
    "RecipientKey",
    "Record",
    "RefusedAction",
    "SealedPayload",
    "SignedName",
    "Tile",
    "Witness",
]
