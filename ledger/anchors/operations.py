"""Anchoring the log's checkpoints on a chain, following them until they are final, and comparing what others anchored.

One turn may run at any time and any number of times; a process that dies between two lines sends at worst the same
anchor twice, which the contract answers with `Confirmed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from ledger.anchors import compliance, following
from ledger.anchors.chain import Chain, Sent
from ledger.anchors.compliance import ProofTurn
from ledger.anchors.errors import ChainUnusable, NotAdmitted
from ledger.anchors.following import OPEN, PATIENCE, AnchorSettings
from ledger.anchors.models import Anchor, AnchorCursor, AnchorStatus
from ledger.anchors.rules import Mismatch, log_id, mismatches
from ledger.cosigning import queries as cosigning
from ledger.crypto import merkle
from ledger.log import tiles
from ledger.parties.keystore import keystore

__all__ = ["OPEN", "PATIENCE", "AnchorSettings", "Turn", "take_turn"]
ACCOUNT_KEY = "anchor"
"""The keystore's name of the key that pays and signs on the chain."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did and found."""

    sent: int | None
    confirmed: tuple[int, ...]
    mismatches: tuple[Mismatch, ...]
    proofs: ProofTurn


def take_turn(*, chain: Chain, how: AnchorSettings, at: datetime, now_or_never: bool = False) -> Turn:
    """Follow what was sent, compare what is final, and anchor the newest published checkpoint when it is time; the same
    for compliance proofs.

    `now_or_never` does not wait for the interval. Raises ChainAway, ChainUnusable, NotAdmitted; rows say how far it
    came.
    """
    chain.check()
    head = chain.head()
    confirmed = follow(chain=chain, how=how, head=head, at=at)
    found = compare(chain=chain, how=how, head=head)
    sent = anchor_newest(chain=chain, how=how, at=at, now_or_never=now_or_never)
    return Turn(sent, confirmed, found, compliance.take_turn(chain=chain, how=how, head=head, at=at))


def anchor_newest(*, chain: Chain, how: AnchorSettings, at: datetime, now_or_never: bool = False) -> int | None:
    """Send the newest published checkpoint, unless it is on the chain, or one is under way, or it is too early."""
    shown = cosigning.published()
    rows = Anchor.objects.filter(chain_id=chain.chain_id, contract=chain.contract)
    if shown is None or shown.size == 0 or rows.filter(status__in=OPEN).exists():
        return None
    last = rows.filter(status=AnchorStatus.CONFIRMED).order_by("-size").first()
    if last is not None and (shown.size <= last.size or (at - last.sent_at < how.every and not now_or_never)):
        return None
    log = log_id(settings.LOG_ORIGIN)
    if chain.latest_size(log) > shown.size or chain.root_of(log, shown.size) == bytes.fromhex(shown.root):
        # Another member was here before: what it anchored is compared, and need not be said again.
        return None
    _send(chain, log, shown.size, shown.root, at)
    return shown.size


def follow(*, chain: Chain, how: AnchorSettings, head: int, at: datetime) -> tuple[int, ...]:
    """Where each anchor that is not final is now; a block that the chain gave up gives its anchors back to waiting."""
    rows = Anchor.objects.filter(chain_id=chain.chain_id, contract=chain.contract, status__in=OPEN).order_by("nonce")

    def again(row: Anchor, before: Sent) -> None:
        _send(chain, log_id(settings.LOG_ORIGIN), row.size, row.root, at, instead_of=before)

    refused = "The contract refused it when its block was made: another root or a larger size came first."
    done = following.follow(rows, chain=chain, how=how, head=head, at=at, refused=refused, again=again)
    return tuple(row.size for row in done)


def _send(chain: Chain, log: bytes, size: int, root: str, at: datetime, *, instead_of: Sent | None = None) -> None:
    sent = chain.anchor(log, size, bytes.fromhex(root), instead_of=instead_of)
    Anchor.objects.create(
        size=size,
        root=root,
        chain_id=chain.chain_id,
        contract=chain.contract,
        account=chain.account,
        nonce=sent.nonce,
        transaction=sent.transaction,
        fee_per_gas=sent.fee_per_gas,
        sent_at=at,
    )


def compare(*, chain: Chain, how: AnchorSettings, head: int) -> tuple[Mismatch, ...]:
    """What is final on the chain since the last look, held against the log's own tree.

    Blocks are looked at once; what was found is said by the caller, before the cursor moves, or it is found again.
    """
    final = head - how.confirmations
    name = f"{chain.chain_id}:{chain.contract}"
    cursor, _ = AnchorCursor.objects.get_or_create(contract=name, defaults={"next_block": 0})
    if final < cursor.next_block:
        return ()
    events = chain.events(log_id(settings.LOG_ORIGIN), cursor.next_block, final)
    latest = tiles.latest_checkpoint()
    size = latest.size if latest else 0
    node = tiles.reader(size)
    found = tuple(mismatches(events, size=size, root_at=lambda leaves: merkle.subtree_root(0, leaves, node)))
    if not found:
        with transaction.atomic():
            AnchorCursor.objects.filter(contract=name, next_block__lte=final).update(next_block=final + 1)
    return found


def admitted(chain: Chain) -> None:
    """Raise NotAdmitted unless the account is a member of the contract."""
    if not chain.is_member():
        raise NotAdmitted(
            f"The account {chain.account} is no member of the contract {chain.contract}. "
            "More than half of its members vote for it: manage.py anchor --admit ADDRESS."
        )


def chain_of_settings() -> Chain:
    """The chain and contract of the settings, with this portal's account. Raises ChainUnusable when none is set."""
    if not settings.CHAIN_RPC or settings.CHAIN_ID is None:
        raise ChainUnusable("No chain is set. Give NEEDLEPOINT_CHAIN_RPC and NEEDLEPOINT_CHAIN_ID.")
    keystore().create(ACCOUNT_KEY)
    return Chain(
        rpc=settings.CHAIN_RPC,
        chain_id=settings.CHAIN_ID,
        contract=settings.ANCHOR_CONTRACT,
        secret=keystore().secret(ACCOUNT_KEY),
    )


def how_of_settings() -> AnchorSettings:
    return AnchorSettings(settings.ANCHOR_CONFIRMATIONS, timedelta(seconds=settings.ANCHOR_EVERY_SECONDS))
