"""Where a transaction of ours is now, until it is final. What is sent again, and how, its owner says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ledger.anchors.chain import Chain, Sent
from ledger.anchors.models import AnchorStatus, ChainTransaction

PATIENCE = timedelta(minutes=10)
"""How long a transaction may wait for a block before it is sent again at a higher fee."""
OPEN = (AnchorStatus.SENT, AnchorStatus.MINED)

Row = TypeVar("Row", bound=ChainTransaction)


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """How often, and how many blocks on top make an anchor final."""

    confirmations: int
    every: timedelta


def follow(
    rows: Iterable[Row],
    *,
    chain: Chain,
    how: AnchorSettings,
    head: int,
    at: datetime,
    refused: str,
    again: Callable[[Row, Sent], None],
) -> list[Row]:
    """Bring open rows up to date; those that became final. A block that the chain gave up gives its rows back to
    waiting. `refused` is said of what the contract did not take; `again` sends a row in place of an earlier try."""
    done = []
    for row in rows:
        receipt = chain.receipt(row.transaction)
        if receipt is None:
            _still_waiting(chain, row, at, again)
            continue
        row.block, row.block_hash, row.gas_used = receipt.block, receipt.block_hash, receipt.gas_used
        final = head - receipt.block >= how.confirmations
        if not receipt.worked:
            row.status, row.settled_at, row.problem = AnchorStatus.REFUSED, at, refused
        elif final:
            row.status, row.settled_at = AnchorStatus.CONFIRMED, at
            done.append(row)
        else:
            row.status = AnchorStatus.MINED
        row.save()
    return done


def _still_waiting(chain: Chain, row: Row, at: datetime, again: Callable[[Row, Sent], None]) -> None:
    """In no block of the present chain: never was, or its block was given up (a reorganisation)."""
    row.status, row.block, row.block_hash, row.gas_used = AnchorStatus.SENT, None, "", None
    if chain.next_nonce() > row.nonce:
        # Its place was taken, by a replacement or another program with the same key; it can come no more.
        row.status, row.settled_at = AnchorStatus.DROPPED, at
        row.problem = "Another transaction of this account took its place."
        row.save()
        return
    row.save()
    if at - row.sent_at >= PATIENCE:
        again(row, Sent(row.transaction, row.nonce, int(row.fee_per_gas)))
