"""Why something could not be anchored, in words for whoever runs the portal."""

from __future__ import annotations


class AnchorError(Exception):
    """Anchoring did not work; nothing of the ledger depends on it."""


class ChainAway(AnchorError):
    """The node does not answer. Nothing is lost: the next turn tries again."""


class ChainUnusable(AnchorError):
    """The node answers, but it is not what the settings say: another chain, or no such contract."""


class NotAdmitted(AnchorError):
    """The contract, or the chain, refuses this account: it is no member, or it cannot pay."""
