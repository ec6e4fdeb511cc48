"""Money and milestones as screens show them. Amounts come as integer minor units (ISO 4217)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from custody.reimbursement.queries import Account, MilestoneLine

MINOR_DIGITS = {"JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "BHD": 3, "TND": 3}
"""Currencies whose minor unit is not a hundredth (ISO 4217)."""
MARK_WORDS = {"verified": "verified", "signed": "signed, waits for its place", "broken": "does not verify"}


@dataclass(frozen=True, slots=True)
class MilestoneView:
    """A milestone with its amount in words and the record that reached it; `mark` is empty until then."""

    therapy: UUID
    call_name: str
    coi: str
    product: str
    title: str
    share: str
    amount: str
    reached_at: datetime | None
    leaf_index: int | None
    entry_hash: str
    mark: str
    mark_word: str
    proof_url: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """The sums of one currency, in words."""

    currency: str
    approved: str
    reached: str
    to_come: str
    therapies: int
    percent: int


def money(minor: int, currency: str) -> str:
    """`EUR 320,000`, or `EUR 32,500.50` where there are cents; a thin space keeps the two together."""
    digits = MINOR_DIGITS.get(currency, 2)
    whole, rest = divmod(abs(minor), 10**digits)
    decimals = f".{rest:0{digits}d}" if rest else ""
    return f"{currency}\u00a0{'−' if minor < 0 else ''}{whole:,}{decimals}"


def milestone(line: MilestoneLine) -> MilestoneView:
    standing = line.standing
    return MilestoneView(
        therapy=line.therapy.id,
        call_name=line.therapy.call_name,
        coi=line.therapy.coi,
        product=line.therapy.product,
        title=line.title,
        share=f"{line.share_percent} %",
        amount=money(line.amount_minor, line.currency),
        reached_at=line.reached_at,
        leaf_index=standing.leaf_index if standing else None,
        entry_hash=standing.entry_hash if standing else "",
        mark=standing.standing if standing else "",
        mark_word=MARK_WORDS[standing.standing] if standing else "",
        proof_url=reverse("record_proof", args=[standing.record]) if standing else "",
    )


def account(sums: Account) -> AccountView:
    return AccountView(
        currency=sums.currency,
        approved=money(sums.approved_minor, sums.currency),
        reached=money(sums.reached_minor, sums.currency),
        to_come=money(sums.to_come_minor, sums.currency),
        therapies=sums.therapies,
        percent=sums.reached_minor * 100 // sums.approved_minor if sums.approved_minor else 0,
    )
