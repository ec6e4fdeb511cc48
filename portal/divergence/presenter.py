"""A divergence in plain words: what broke, what it means, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from ledger.divergence import queries
from ledger.divergence.queries import DivergenceLine

TITLES: Mapping[str, str] = {
    "split_view": "two versions of the log are shown",
    "fork": "the log no longer contains what it contained before",
    "rollback": "the log became shorter",
    "truncated": "the log hides records that it says it holds",
    "altered_tile": "the log's hashes do not make the root that it signed",
    "altered_entry": "a record was changed after it was signed",
    "bad_signature": "a checkpoint is not signed by the log's key",
    "malformed": "a checkpoint has not the form that it must have",
    "broken_record": "a record cannot be read",
    "unknown_key": "a record is not signed by its author",
    "broken_link": "a record does not link to the one before it",
    "contract": "a record breaks the shared rules",
    "mismatch": "a table does not say what the signed records say",
    "anchor_mismatch": "a chain holds another log than this one",
    "stale": "a witness, or the quorum of them, is silent",
}
MEANINGS: Mapping[str, str] = {
    "split_view": "The log signed two different histories of the same length. Different members may have been shown "
    "different records. An honest log cannot do this, not even by accident of the network.",
    "fork": "What was co-signed before is no longer the beginning of what is shown now: somebody rewrote old records "
    "and signed the result.",
    "rollback": "Records that the log had shown are no longer in it. It may be a restored backup, or somebody removing "
    "what was recorded last.",
    "truncated": "The checkpoint covers records or hashes that cannot be fetched. They may be lost, or withheld.",
    "altered_tile": "The hashes that the log serves were changed after its checkpoint was signed.",
    "altered_entry": "The bytes of one record are not those that its author signed and that the witnesses kept. "
    "Somebody with access to the database changed it. The original is in every witness's copy.",
    "bad_signature": "Somebody shows checkpoints in the log's name without its key, or the log changed its key unsaid.",
    "malformed": "What is served as a checkpoint is none. Readers cannot check anything by it.",
    "broken_record": "The log holds something that no member's software writes.",
    "unknown_key": "Whoever wrote this record did not have the key of the organisation that it names.",
    "broken_link": "The record does not follow from its chain: something was left out, put between, or swapped.",
    "contract": "The record was signed, but no honest member's software admits it: the rules say that it must not be.",
    "mismatch": "Somebody changed a row of the portal's database past the application, or a restore went wrong. What "
    "screens show of it is not what was signed; the signed records are as they were.",
    "anchor_mismatch": "A member anchored a size and root of this log on the chain, and the log does not fit them: it "
    "was rewritten or cut since, or that member anchored what the log never signed. The evidence names member and "
    "block.",
    "stale": "Nobody vouches for what is newest: a witness or the quorum has not co-signed for five minutes. It may "
    "be a machine that is down, a network that is cut, or somebody who keeps witnesses from seeing the log. It is "
    "settled by itself when they speak again.",
}
CARE = "Do not rely on what the ledger shows from this place on. Records before it that witnesses co-signed still hold."
CARE_OF: Mapping[str, str] = {
    "mismatch": "Do not rely on what screens show of this row. The signed records are as they were: compare with them.",
    "altered_entry": "Do not rely on this record as it is shown here. The original is in every witness's copy.",
    "stale": "Do not rely on what is newest here. What witnesses co-signed before still holds.",
}
"""What to be careful of first, where that is not everything from one place on."""
ACTIONS = (
    "Download the evidence and check it on a computer of your own, with the command below.",
    "Say that your organisation has seen it, and talk to the other members by a way that is not this portal.",
    "The regulator or the operator settles it, with a reason that everybody can read.",
)


@dataclass(frozen=True, slots=True)
class Diverged:
    """What the red bar says."""

    words: str
    url: str
    since: datetime
    more: int


def bar() -> Diverged | None:
    """The red bar of every page; None while no divergence is open."""
    alarm = queries.alarm()
    if alarm is None:
        return None
    url = reverse("divergence", args=[alarm.newest]) if alarm.count == 1 else reverse("divergences")
    return Diverged(TITLES[alarm.kind], url, alarm.since, alarm.count - 1)


def title(one: DivergenceLine) -> str:
    """What broke, as a sentence without its full stop."""
    words = TITLES[one.kind]
    return words[0].upper() + words[1:]


def actions(one: DivergenceLine) -> tuple[str, ...]:
    """What to do, in order."""
    return (CARE_OF.get(one.kind, CARE), *ACTIONS)


def place(one: DivergenceLine) -> str:
    """Where: the record, or the log's length."""
    if one.index is not None:
        return f"record {one.index:,} of {one.size:,}" if one.size else f"record {one.index:,}"
    if one.kind == "mismatch":
        return "in the portal's tables"
    return f"at {one.size:,} records" if one.size else "the checkpoint itself"
