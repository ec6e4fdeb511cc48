"""What does not verify, in plain words: for people who have to act on a therapy, not for those who mend tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.log.finding import Finding

WORDS: Mapping[str, str] = {
    "ledger_record": "A record was changed, removed or put in after it was signed.",
    "ledger_chain": "The therapy's standing is not what its signed records give.",
    "ledger_signedname": "A name printed under a signature is not the one that was signed.",
}
OTHER_TABLE = "A stored fact is not what the signed records say."


@dataclass(frozen=True, slots=True)
class BrokenView:
    """One thing that does not hold: a sentence, and the row that a technician looks at."""

    words: str
    where: str


def views(findings: Sequence[Finding]) -> list[BrokenView]:
    """Each finding once. The stored value itself is not shown: it may be clinical, and it is not to be trusted."""
    found = [BrokenView(WORDS.get(one.table, OTHER_TABLE), f"{one.table} {one.row}") for one in findings]
    return list(dict.fromkeys(found))
