"""Money and milestones as screens show them. Amounts come as integer minor units (ISO 4217)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from custody.reimbursement.queries import Account, Decision, MilestoneLine
from portal.presenters.marks import mark_of

MINOR_DIGITS = {"JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "BHD": 3, "TND": 3}
"""Currencies whose minor unit is not a hundredth (ISO 4217)."""


@dataclass(frozen=True, slots=True)
class MilestoneView:
    """A milestone with its amount in words and the record that reached it; `mark` is empty until then.

    `by` names the compliance proof that it is paid for; `transaction` where a chain verified that proof.
    """

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
    by: str
    transaction: str
    block: int | None
    chain: int | None


@dataclass(frozen=True, slots=True)
class DecisionView:
    """How a payer decided, in words: `words` with its status kind, when, by whom, and what was stated with it."""

    therapy: UUID
    call_name: str
    coi: str
    kind: str
    words: str
    at: datetime
    by: str
    stated: str
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
    mark, word = mark_of(standing) if standing else ("", "")
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
        mark=mark,
        mark_word=word,
        proof_url=reverse("record_proof", args=[standing.record]) if standing else "",
        by=f"Compliance proof: {line.proof}" if line.proof else "",
        transaction=line.on_chain.transaction if line.on_chain else "",
        block=line.on_chain.block if line.on_chain else None,
        chain=line.on_chain.chain_id if line.on_chain else None,
    )


def decision_words(*, approved: bool) -> tuple[str, str]:
    """The status kind and the words of a payer's decision."""
    return ("ok", "Cover approved") if approved else ("stop", "Cover declined")


def decision(line: Decision) -> DecisionView:
    standing = line.standing
    kind, words = decision_words(approved=line.approved)
    mark, mark_word = mark_of(standing) if standing else ("", "")
    return DecisionView(
        therapy=line.therapy.id,
        call_name=line.therapy.call_name,
        coi=line.therapy.coi,
        kind=kind,
        words=words,
        at=line.decided_at,
        by=line.by,
        stated=", ".join(f"{title} {value}" for title, value in line.stated),
        leaf_index=standing.leaf_index if standing else None,
        entry_hash=standing.entry_hash if standing else "",
        mark=mark,
        mark_word=mark_word,
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
